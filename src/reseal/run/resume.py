"""Recover from a run that was killed."""

from __future__ import annotations

from pathlib import Path

from reseal import disk
from reseal.errors import ImageError, UsageError
from reseal.folder import Folder, is_active, journal_of


def resume(path: Path, *, scratch: Path | None = None, journal: Path | None = None) -> str:
    """Finish the interrupted merge of an image, or restore an interrupted folder.

    Args:
        path: the image or the folder.
        scratch: the folder with the journal of a block device; None for the default.
        journal: the journal of a device, if several fit it.

    Returns:
        A sentence that says what was done.

    Raises:
        UsageError: no run was interrupted.
        ImageError: the merge can't be finished.
    """
    if path.is_dir():
        if not is_active(journal_of(path.resolve())):
            msg = f"No run on the folder {path} was interrupted; nothing has to be restored."
            raise UsageError(msg)
        if Folder.recover(path):
            return f"{path} is complete: the interrupted run had finished its work."
        return f"{path} was restored to its state before the interrupted run."
    try:
        disk.resume(path, scratch=scratch, journal=journal)
    except OSError as error:
        if isinstance(error, ImageError):
            raise
        what = f" ({error.filename})" if error.filename else ""
        raise ImageError(
            f"{path} can't be completed yet: {error.strerror or error}{what}.",
            "Fix this, and run `reseal resume` again.",
        ) from error
    return f"{path} is complete: the interrupted merge was finished."
