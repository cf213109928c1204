"""What to do after a run was killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal import disk
from reseal.errors import ImageError, UsageError
from reseal.folder import Folder, is_active, journal_of

if TYPE_CHECKING:
    from pathlib import Path


def resume(path: Path) -> str:
    """Finish the interrupted merge of an image, or put an interrupted folder back.

    Returns:
        What was done, a whole sentence.

    Raises:
        UsageError: nothing was interrupted here.
        ImageError: it can't be finished.
    """
    if path.is_dir():
        if not is_active(journal_of(path.resolve())):
            msg = f"No run on the folder {path} was interrupted; there is nothing to put back."
            raise UsageError(msg)
        if Folder.recover(path):
            return f"{path} is complete: the interrupted run had ended its work."
        return f"{path} is as it was before the interrupted run."
    try:
        disk.resume(path)
    except OSError as error:
        if isinstance(error, ImageError):
            raise
        what = f" ({error.filename})" if error.filename else ""
        raise ImageError(
            f"{path} can't be completed yet: {error.strerror or error}{what}.",
            "Mend that, and resume again.",
        ) from error
    return f"{path} is complete: the interrupted merge was finished."
