"""Capture an NTFS volume into a WIM."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from reseal.disk.device import Device
from reseal.errors import CheckError
from reseal.interruption import temporary_folder
from reseal.wim import library
from reseal.wim.errors import WimError
from reseal.wim.file import new_wim, open_wim
from reseal.wim.progress import Progress, Report
from reseal.wim.tree import reparsed_files
from reseal.wim.volume import volume
from reseal.wim.writing import CHECK_INTEGRITY, SOLID, require_writable, set_properties, write

#: WIMLIB_ADD_FLAG_NTFS; _NORPFIX: links keep their drive letter, because the whole volume is captured;
#: _VERBOSE: libwim reports omitted entries only with this flag.
ADD_FLAGS = 0x1 | 0x200 | 0x4

#: Maximum number of files that an error names.
_NAMED = 5

#: Compression types by command-line name, as in DISM and wimlib-imagex.
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
    deduplicated: bool = False,
    before_rename: Callable[[], None] = lambda: None,
    on_progress: Report | None = None,
) -> dict[str, Any]:
    """Capture the NTFS volume that fills a device as an image of a WIM.

    The file gets its name only when it is complete. Appending replaces the file as a whole. Run it in a
    worker (`reseal.worker.run_worker`).

    Args:
        device: the device that the volume fills; only read.
        wim: the file to create or append to.
        name: name of the image, unique in the file; None for no name.
        properties: further XML data by path: `DESCRIPTION`, `WINDOWS/EDITIONID`, …
        compression: a key of COMPRESSIONS; appending keeps the compression of the file.
        solid: whether to compress the data as a whole (LZMS), as in an ESD.
        append: whether to add the image to an existing file.
        check: whether to write an integrity table; appending keeps an existing one.
        config: exclusions in the format of WimScript.ini; None for none.
        only_plain: whether to write nothing if the volume has CompactOS files.
        deduplicated: whether to capture files without their content that Data Deduplication has.
        before_rename: called when the file is complete; may raise to prevent the replacement.
        on_progress: receives `{"step": …}` and `{"progress": …, "done": …, "total": …}`, in bytes.

    Returns:
        `index` of the image (None if nothing was written), `encrypted` (paths omitted because they are
        encrypted), `excluded` (number of entries that the configuration excluded), `compressed` (paths of
        WOF-compressed files, which are stored compressed), `deduplicated` and `cloud` (paths of files whose
        content is not in the WIM, or may not be).

    Raises:
        CheckError: the volume has deduplicated files, and `deduplicated` is not set.
        WimError: the WIM can't be read or written, or already has an image with this name.
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
            msg = f"{wim} already has an image named {name}."
            raise WimError(msg, "Choose another name with --name.")
        target.check(code, "can't capture the volume", progress)
        opened.walked()
        index = target.facts.images
        found = reparsed_files(target, index)
        if found.deduplicated and not deduplicated:
            raise _deduplicated(found.deduplicated)
        if found.compressed and only_plain:
            return {"index": None, "compressed": found.compressed}
        set_properties(target, index, properties or {})
        flags = SOLID if solid else 0
        flags |= CHECK_INTEGRITY if check else 0

        def whole() -> None:
            opened.raise_failure()
            before_rename()

        write(target, wim, flags, progress, whole, replace=append)
    return {
        "index": index,
        "encrypted": progress.left_out,
        "excluded": progress.excluded,
        "compressed": found.compressed,
        "deduplicated": found.deduplicated,
        "cloud": found.cloud,
    }


def _deduplicated(paths: list[str]) -> CheckError:
    shown = ", ".join(paths[:_NAMED])
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    msg = (
        f"Data Deduplication keeps the content of {len(paths)} file{'s' * (len(paths) > 1)} in the chunk "
        f"store of the volume, which a WIM leaves out: {shown}{more}. Nothing was written."
    )
    return CheckError(
        msg,
        "Boot the image and undo the deduplication (`Start-DedupJob -Type Unoptimization`), or capture these "
        "files without their content with --force dedup.",
    )


def _config_file(stack: ExitStack, config: str | None) -> bytes | None:
    """Write a configuration to a file for libwim; None for no configuration."""
    if config is None:
        return None
    folder = stack.enter_context(temporary_folder())
    file = folder / "WimScript.ini"
    file.write_text(config, encoding="utf-8")
    return bytes(file)
