"""Write WIM files atomically."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from reseal.disk.attributes import require_one_name
from reseal.disk.device import written_behind
from reseal.disk.draft import Draft
from reseal.errors import os_errors
from reseal.hostfile import keep_attributes
from reseal.wim import library
from reseal.wim.errors import WimError
from reseal.wim.file import Wim
from reseal.wim.progress import Progress

# WIMLIB_WRITE_FLAG_*
CHECK_INTEGRITY = 0x1
RETAIN_GUID = 0x800
SOLID = 0x1000


def require_writable(wim: Wim) -> None:
    """Raise WimError if a WIM is split or marked read-only."""
    facts = wim.facts
    if facts.parts > 1:
        msg = f"{wim.subject} is a split WIM, which reseal can read but not change."
        raise WimError(msg, "Join its parts first (wimlib-imagex join), and split the result.")
    if facts.locked:
        msg = f"{wim.subject} is marked read-only in its header."
        raise WimError(msg, "Clear the mark first (wimlib-imagex optimize --readonly=no).")


def set_properties(wim: Wim, index: int, properties: Mapping[str, str]) -> None:
    """Set properties in the XML data of an image.

    Args:
        wim: the WIM.
        index: index of the image, from 1.
        properties: text by path.

    Raises:
        WimError: libwim refuses a property.
    """
    for path, text in properties.items():
        code = wim.calls.wimlib_set_image_property(wim.handle, index, path.encode(), text.encode())
        wim.check(code, f"can't be given the property {path}")


def write(
    wim: Wim,
    path: Path,
    flags: int,
    progress: Progress,
    before_rename: Callable[[], None],
    *,
    replace: bool,
) -> None:
    """Write a WIM to a draft, and give it its name when it is complete.

    Args:
        wim: the WIM to write.
        path: the file to create or replace; a symbolic link stays a link.
        flags: WIMLIB_WRITE_FLAG_*.
        progress: progress of the job.
        before_rename: called when the file is complete; may raise to prevent the replacement.
        replace: whether it replaces a file; otherwise the file must not exist.

    Raises:
        WimError: the file can't be written; `path` is unchanged.
        UsageError: the new file exists.
    """
    shown, path = path, path.resolve()
    require_one_name(path, shown)
    with os_errors(
        f"{path} can't be written", WimError, "reseal needs write access to the folder of the file."
    ):
        draft = Draft(path)
    try:
        target = f"/proc/self/fd/{draft.number}".encode()
        with written_behind(draft.number):
            code = wim.calls.wimlib_write(wim.handle, target, library.ALL_IMAGES, flags, 0)
        before_rename()
        if progress.failure is None and code:
            raise library.wim_error(code, str(path), "can't be written")
        wim.check(code, "can't be written", progress)
        os.fchmod(draft.number, _mode(path))
        keep_attributes(path, draft.number)
        os.fsync(draft.number)
        progress.replaces(str(shown))
        draft.publish(replace=replace)
    except OSError as error:
        msg = f"{path} can't be written: {error.strerror or error}."
        raise WimError(msg) from error
    finally:
        draft.close()


def _mode(path: Path) -> int:
    """The mode of the file, or of a new file."""
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
