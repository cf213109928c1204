"""Apply an image of a WIM to an NTFS volume or a folder."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

from reseal.disk.device import Device
from reseal.errors import ImageError
from reseal.ntfs import Volume
from reseal.wim import library
from reseal.wim.errors import WimError
from reseal.wim.file import open_wim
from reseal.wim.progress import Progress, Report
from reseal.wim.volume import volume

_NTFS = 0x1  # WIMLIB_EXTRACT_FLAG_NTFS
#: WIMLIB_EXTRACT_FLAG_NORPFIX: absolute links keep their drive letter.
_KEEP_LINKS = 0x200

#: Folders that Windows creates in the root of every volume, and that images lack (seen: DISM excludes
#: both).
_MADE_BY_WINDOWS = {"system volume information", "$recycle.bin"}


def apply_image(
    wim: Path,
    index: int | None,
    device: Device,
    *,
    check: bool = False,
    on_progress: Report | None = None,
) -> dict[str, Any]:
    """Apply an image to the empty NTFS volume that fills a device.

    This restores tree, data, named streams, security descriptors, reparse points, short names, hard links,
    attributes and times. Run it in a worker (`reseal.worker.run_worker`).

    Args:
        wim: the file: a WIM, an ESD, or the first part of a split WIM.
        index: index of the image, from 1; None for the only one.
        device: the device that the volume fills; it is written and flushed, but not closed.
        check: whether to check the file's integrity table first.
        on_progress: receives `{"step": …}` and `{"progress": …, "done": …, "total": …}`, in bytes.

    Returns:
        `index`, and `bytes` that were extracted.

    Raises:
        WimError: the WIM can't be read, is encrypted, or lacks the image.
        ImageError: the volume is not empty, is full, or is damaged. Discard its incomplete content.
        EngineError: libwim is missing.
    """
    _require_empty(device)
    with volume(device, read_only=False) as opened:
        progress = Progress(on_progress, opened.renew)
        with open_wim(wim, check=check, progress=progress) as source:
            number = source.require_index(index)
            source.require_sound(number)
            calls = source.calls
            calls.wimlib_register_progress_function(source.handle, progress.function, None)
            code = calls.wimlib_extract_image(
                source.handle, number, opened.name, _NTFS | _KEEP_LINKS
            )
            opened.raise_failure()
            if code == library.ERR_NTFS_3G and _said_no_space(source.library.last_message()):
                msg = f"Image {number} of {wim} does not fit into the volume."
                raise ImageError(msg, "Apply it to a larger volume.")
            source.check(code, f"can't be applied (image {number})", progress)
    return {"index": number, "bytes": progress.total}


def apply_to_folder(
    wim: Path,
    index: int | None,
    folder: Path,
    *,
    check: bool = False,
    on_progress: Report | None = None,
) -> dict[str, Any]:
    """Apply an image to an empty folder of the host.

    The folder does not get security descriptors, attributes, short names and named streams. Junctions and
    links become symbolic links.

    Args:
        wim: as in `apply_image`.
        index: as in `apply_image`.
        folder: an existing, empty folder.
        check: as in `apply_image`.
        on_progress: as in `apply_image`.

    Returns:
        As `apply_image`.

    Raises:
        WimError: the WIM can't be read, is encrypted, or lacks the image.
    """
    progress = Progress(on_progress)
    with open_wim(wim, check=check, progress=progress) as source:
        number = source.require_index(index)
        source.require_sound(number)
        calls = source.calls
        calls.wimlib_register_progress_function(source.handle, progress.function, None)
        code = calls.wimlib_extract_image(source.handle, number, bytes(folder), 0)
        source.check(code, f"can't be applied (image {number})", progress)
    return {"index": number, "bytes": progress.total}


def _require_empty(device: Device) -> None:
    with Volume.open(device, read_only=True, name="The target volume") as target:
        names = [
            entry.name for entry in target.list("") if entry.name.lower() not in _MADE_BY_WINDOWS
        ]
    if names:
        listed = ", ".join(sorted(names)[:3])
        msg = f"The target volume is not empty: it holds {listed}."
        raise WimError(msg, "Apply to a volume that was just formatted.")


def _said_no_space(message: str) -> bool:
    return "No space left" in message or errno.errorcode[errno.ENOSPC] in message
