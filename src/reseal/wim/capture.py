"""Capturing an NTFS volume into a WIM."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reseal.wim import library
from reseal.wim.errors import WimError
from reseal.wim.file import new_wim, open_wim
from reseal.wim.progress import Progress
from reseal.wim.tree import compressed_files
from reseal.wim.volume import volume
from reseal.wim.writing import CHECK_INTEGRITY, SOLID, require_writable, set_properties, write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reseal.disk.device import Device
    from reseal.wim.progress import Report

#: WIMLIB_ADD_FLAG_NTFS; _NORPFIX: links keep the drive letter that they name, since the volume is
#: captured whole; _VERBOSE: only with it libwim tells what it leaves out.
ADD_FLAGS = 0x1 | 0x200 | 0x4

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
    only_plain: bool = False,
    before_rename: Callable[[], None] = lambda: None,
    on_progress: Report | None = None,
) -> dict[str, Any]:
    """Capture the NTFS volume that fills a device as an image of a WIM.

    The file appears under its name when it is complete, or not at all; one that is appended to is
    replaced as a whole. To be run in a worker (`reseal.worker.run_worker`).

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
        only_plain: whether nothing is written where the volume has files of CompactOS.
        before_rename: called when the file is whole; may raise what forbids to give it its name.
        on_progress: gets `{"step": …}` and `{"progress": …, "done": …, "total": …}`, in bytes.

    Returns:
        `index` of the image (None where nothing was written), `encrypted` (paths that were left out
        because they are encrypted), `excluded` (how many entries the configuration left out) and
        `compressed` (paths of files that WOF compressed; they are stored as they are on the volume).

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
            opened.name,
            (name or "").encode(),
            _config_file(stack, config),
            ADD_FLAGS,
        )
        opened.raise_failure()
        if code == library.ERR_IMAGE_NAME_COLLISION:
            msg = f"{wim} has an image named {name} already."
            raise WimError(msg, "Choose another name with --name.")
        target.check(code, "can't take the volume", progress)
        opened.walked()
        index = target.facts.images
        compressed = compressed_files(target, index)
        if compressed and only_plain:
            return {"index": None, "compressed": compressed}
        set_properties(target, index, properties or {})
        flags = SOLID if solid else 0
        flags |= CHECK_INTEGRITY if check else 0

        def whole() -> None:
            opened.raise_failure()
            before_rename()

        write(target, wim, flags, progress, whole)
    return {
        "index": index,
        "encrypted": progress.left_out,
        "excluded": progress.excluded,
        "compressed": compressed,
    }


def _config_file(stack: ExitStack, config: str | None) -> bytes | None:
    """Put a configuration where libwim finds it; None for no configuration."""
    if config is None:
        return None
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reseal-")))
    file = folder / "WimScript.ini"
    file.write_text(config, encoding="utf-8")
    return bytes(file)
