"""Capturing an NTFS volume into a WIM."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reseal.wim import library
from reseal.wim.errors import WimError
from reseal.wim.file import Wim, new_wim, open_wim
from reseal.wim.progress import Progress
from reseal.wim.volume import NAME, volume

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reseal.disk.device import Device
    from reseal.wim.progress import Report

# WIMLIB_ADD_FLAG_*
_NTFS = 0x1
#: Links keep the drive letter that they name: the volume is captured whole.
_KEEP_LINKS = 0x200

# WIMLIB_WRITE_FLAG_*
CHECK_INTEGRITY = 0x1
NO_CHECK_INTEGRITY = 0x2
FSYNC = 0x20
RETAIN_GUID = 0x800
SOLID = 0x1000

#: By their names on the command line, as in DISM and wimlib-imagex.
COMPRESSIONS = {
    "none": library.NONE,
    "xpress": library.XPRESS,
    "lzx": library.LZX,
    "lzms": library.LZMS,
}


def capture_volume(
    device: Device,
    wim: Path,
    *,
    name: str | None = None,
    properties: Mapping[str, str] | None = None,
    compression: str = "lzx",
    solid: bool = False,
    append: bool = False,
    check: bool = False,
    config: str | None = None,
    on_progress: Report | None = None,
) -> dict[str, Any]:
    """Capture the NTFS volume that fills a device as an image of a WIM.

    The file appears under its name when it is complete, or not at all; one that is appended to is
    replaced as a whole. To be run in a worker (`reseal.process.run_worker`).

    Args:
        device: holds the volume; only read.
        wim: the file to make, or to append to.
        name: of the image; no other image of the file has it. None for no name.
        properties: more of the XML data, by path: `DESCRIPTION`, `WINDOWS/EDITIONID`, …
        compression: a key of COMPRESSIONS; when appending, that of the file is kept.
        solid: whether the data are compressed as a whole (LZMS), as in an ESD.
        append: whether the image is added to an existing file.
        check: whether the file gets an integrity table; when appending, it keeps the one it has.
        config: what to leave out, in the form of WimScript.ini; None for nothing.
        on_progress: gets `{"step": …}` and `{"progress": …, "done": …, "total": …}`, in bytes.

    Returns:
        `index` of the image, `encrypted` (paths that were left out because they are encrypted) and
        `excluded` (how many entries the configuration left out).

    Raises:
        WimError: the WIM can't be read or written, or an image of that name is in it already.
        ImageError: the volume is damaged, or changed while it was read.
        EngineError: libwim is missing.
    """
    with ExitStack() as stack:
        opened = stack.enter_context(volume(device, read_only=True))
        progress = Progress(on_progress, opened.renew)
        if append:
            target = stack.enter_context(open_wim(wim, progress=progress))
            require_writable(target)
        else:
            target = stack.enter_context(new_wim(COMPRESSIONS[compression]))
        calls = target.calls
        calls.wimlib_register_progress_function(target.handle, progress.function, None)
        code = calls.wimlib_add_image(
            target.handle,
            NAME,
            (name or "").encode(),
            _config_file(stack, config),
            _NTFS | _KEEP_LINKS,
        )
        opened.raise_failure()
        if code == library.ERR_IMAGE_NAME_COLLISION:
            msg = f"{wim} has an image named {name} already."
            raise WimError(msg, "Choose another name with --name.")
        target.check(code, "can't take the volume", progress)
        index = target.facts.images
        set_properties(target, index, properties or {})
        flags = SOLID if solid else 0
        flags |= CHECK_INTEGRITY if check else 0
        write_atomically(target, wim, flags, progress, opened.raise_failure)
    return {"index": index, "encrypted": progress.left_out, "excluded": progress.excluded}


def require_writable(wim: Wim) -> None:
    """Raise WimError where libwim can't or may not write a WIM."""
    facts = wim.facts
    if facts.parts > 1:
        msg = f"{wim.subject} is a split WIM, which can be read but not changed."
        raise WimError(msg, "Join its parts first (wimlib-imagex join), then split the result.")
    if facts.locked:
        msg = f"{wim.subject} is marked read-only in its header."
        raise WimError(msg, "Clear the mark first (wimlib-imagex optimize does).")


def set_properties(wim: Wim, index: int, properties: Mapping[str, str]) -> None:
    """Set properties of an image's XML data, by path."""
    for path, text in properties.items():
        code = wim.calls.wimlib_set_image_property(wim.handle, index, path.encode(), text.encode())
        wim.check(code, f"can't take the property {path}")


def write_atomically(
    wim: Wim, path: Path, flags: int, progress: Progress, raise_failure: Callable[[], None]
) -> None:
    """Write a WIM to a new file in the same folder, and give it its name when it is complete.

    Args:
        wim: with what is to be written.
        path: the file to make or to replace.
        flags: WIMLIB_WRITE_FLAG_*.
        progress: of the job.
        raise_failure: raises what the source of the data met.

    Raises:
        WimError: it can't be written; `path` is as it was.
    """
    try:
        number, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise WimError(f"{path} can't be written: {error.strerror}.") from error
    os.close(number)
    try:
        code = wim.calls.wimlib_write(
            wim.handle, os.fsencode(temporary), library.ALL_IMAGES, flags | FSYNC, 0
        )
        raise_failure()
        wim.check(code, "can't be written", progress)
        _take_over(path, temporary)
        os.replace(temporary, path)  # noqa: PTH105  the temporary one is a string
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _take_over(path: Path, temporary: str) -> None:
    """Give the new file the mode that the old one has, or that a new one would have."""
    try:
        mode = path.stat().st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        mode = 0o666 & ~mask
    os.chmod(temporary, mode)  # noqa: PTH101


def _config_file(stack: ExitStack, config: str | None) -> bytes | None:
    """Put a configuration where libwim finds it; None for no configuration."""
    if config is None:
        return None
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reseal-")))
    file = folder / "WimScript.ini"
    file.write_text(config, encoding="utf-8")
    return bytes(file)
