"""Write WIM files atomically."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from reseal.disk.attributes import require_one_name
from reseal.disk.device import written_behind
from reseal.disk.sidecar import sync_folder
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

#: Errors of file systems that do not support unnamed files (O_TMPFILE).
_NO_NAMELESS_FILES = {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL}


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
    wim: Wim, path: Path, flags: int, progress: Progress, before_rename: Callable[[], None]
) -> None:
    """Write a WIM to an unnamed file in the target folder, and name it when it is complete.

    If the file system supports unnamed files, a killed process leaves no file behind.

    Args:
        wim: the WIM to write.
        path: the file to create or replace; a symbolic link stays a link.
        flags: WIMLIB_WRITE_FLAG_*.
        progress: progress of the job.
        before_rename: called when the file is complete; may raise to prevent the replacement.

    Raises:
        WimError: the file can't be written; `path` is unchanged.
    """
    shown, path = path, path.resolve()
    require_one_name(path, shown)
    with os_errors(
        f"{path} can't be written", WimError, "reseal needs write access to the folder of the file."
    ):
        number, temporary = open_beside(path)
    try:
        target = f"/proc/self/fd/{number}".encode()
        with written_behind(number):
            code = wim.calls.wimlib_write(wim.handle, target, library.ALL_IMAGES, flags, 0)
        before_rename()
        if progress.failure is None and code:
            raise library.wim_error(code, str(path), "can't be written")
        wim.check(code, "can't be written", progress)
        os.fchmod(number, _mode(path))
        keep_attributes(path, number)
        os.fsync(number)
        if temporary is None:
            temporary = give_name(number, path)
        progress.replaces(str(shown))
        temporary.replace(path)
        temporary = None
        sync_folder(path.parent)
    except OSError as error:
        msg = f"{path} can't be written: {error.strerror or error}."
        raise WimError(msg) from error
    finally:
        os.close(number)
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def open_beside(path: Path) -> tuple[int, Path | None]:
    """Open a new file in the folder of `path`; return its name if it can't be unnamed."""
    try:
        return os.open(path.parent, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600), None
    except OSError as error:
        if error.errno not in _NO_NAMELESS_FILES:
            raise
    number, name = tempfile.mkstemp(prefix=".reseal-", dir=path.parent)
    return number, Path(name)


def give_name(number: int, path: Path) -> Path:
    """Give an unnamed file a temporary name in the folder of the file that it will replace."""
    opened = os.open("/proc/self/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        while True:
            name = Path(tempfile.mktemp(prefix=".reseal-", dir=path.parent))  # noqa: S306  see below
            with suppress(FileExistsError):
                # Python follows the link to the file only with a folder descriptor.
                os.link(str(number), name, src_dir_fd=opened, follow_symlinks=True)
                return name
    finally:
        os.close(opened)


def _mode(path: Path) -> int:
    """The mode of the file, or of a new file."""
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
