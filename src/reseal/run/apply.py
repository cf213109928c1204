"""Apply an image of a WIM to an NTFS volume of a disk image, or to a folder."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from reseal.disk import Device, Slice
from reseal.disk.device import part
from reseal.disk.locks import Lock
from reseal.disk.partitions import VolumeRange, volumes
from reseal.disk.sidecar import sync_file_system, sync_folder
from reseal.errors import CheckError, ImageError, UsageError
from reseal.interruption import temporary_folder
from reseal.ntfs import Volume
from reseal.run import raw_copy
from reseal.run.disk import OpenedDisk
from reseal.run.medium import carry_out
from reseal.run.options import RunOptions
from reseal.sandbox import Limits
from reseal.wim import apply_image, apply_to_folder
from reseal.worker import Report, in_worker

_FOLDER_NOTE = (
    "The folder does not have the security descriptors, attributes, short names and named streams. Apply "
    "to an NTFS volume to keep them."
)


def apply(
    wim: Path,
    index: int | None,
    target: Path,
    *,
    volume: int | None = None,
    check: bool = False,
    options: RunOptions | None = None,
    on_message: Report | None = None,
) -> dict[str, Any]:
    """Apply an image of a WIM: completely or not at all.

    Args:
        wim: the file: a WIM, an ESD, or the first part of a split WIM.
        index: index of the image, from 1; None for the only one.
        target: a disk image with an empty NTFS volume; or a folder, empty or new.
        volume: number of the volume, from 1; None for the only empty one.
        check: whether to check the integrity table of the WIM first.
        options: how to open the target.
        on_message: receives `{"step": …}` and `{"progress": …, "done": …, "total": …}` (bytes).

    Returns:
        `wim`, `index`, `bytes`, `target`, `notes` and `timings`.

    Raises:
        UsageError: the target is a folder that is not empty.
        CheckError: the volume does not exist, or none of several was chosen.
        WimError: the WIM can't be read, is encrypted, or lacks the image.
        ImageError: the target can't be written, or is full.
    """
    start = time.perf_counter()
    report = on_message or (lambda _: None)
    with ExitStack() as stack:
        if wim.is_file():
            lock = Lock(wim)
            stack.callback(lock.close)
            lock.share()
        if target.is_dir() or not target.exists():
            if volume is not None:
                msg = f"{target} is not a disk image; --volume is only for disk images."
                raise UsageError(msg, "Omit --volume.")
            result = _to_folder(wim, index, target, report, check=check)
            notes = [_FOLDER_NOTE]
        else:
            opening = replace(options or RunOptions(), reads=_beside(wim))
            work = partial(_work, wim, index, target, volume, check)
            result = carry_out(target, raw_copy.medium(target, opening), work, report)
            notes = result.get("notes", [])
    return {
        "result": "applied",
        "wim": str(wim),
        "target": str(target),
        "index": result["index"],
        "bytes": result["bytes"],
        "notes": notes,
        "timings": {"total": time.perf_counter() - start},
    }


def _work(
    wim: Path,
    index: int | None,
    target: Path,
    volume: int | None,
    check: bool,
    opened: OpenedDisk,
    report: Report,
) -> dict[str, Any]:
    """Apply to the disk; runs in a worker that does nothing else."""
    chosen = _choose(opened.device, volume, target)
    place = part(opened.device, chosen.offset, chosen.size)
    result = apply_image(wim, index, place, check=check, on_progress=report)
    return {**result, "written": True, "timings": {}}


def _beside(wim: Path) -> tuple[Path, ...]:
    """Return the paths that libwim reads: the folder, which has the other parts of a split WIM."""
    return (wim.resolve().parent,)


def _choose(device: Device, volume: int | None, target: Path) -> VolumeRange:
    """Return the volume with this number, or the only empty NTFS volume."""
    places = volumes(device)
    if volume is not None:
        for one in places:
            if one.number == volume:
                return one
        msg = f"{target} has no volume {volume}. Nothing was changed."
        raise CheckError(msg, f"It has {_listed(places)}; choose one with --volume N.")
    empty = [one for one in places if _is_empty(Slice(device, one.offset, one.size))]
    if len(empty) == 1:
        return empty[0]
    if empty:
        msg = f"{target} has several empty NTFS volumes: {_listed(empty)}. Nothing was changed."
        raise CheckError(msg, "Choose one with --volume N.")
    msg = f"{target} has no empty NTFS volume. Nothing was changed."
    raise CheckError(msg, "Format one (mkntfs), apply to a folder, or use `reseal deploy`.")


def _listed(places: list[VolumeRange]) -> str:
    return ", ".join(f"volume {one.number}" for one in places) or "none"


def _is_empty(device: Device) -> bool:
    try:
        with Volume.open(device, read_only=True, name="a volume") as opened:
            return not opened.list("")
    except ImageError:
        return False


def _to_folder(
    wim: Path, index: int | None, target: Path, report: Report, *, check: bool
) -> dict[str, Any]:
    """Apply to a temporary folder, and rename it to the target when it is complete."""
    if target.exists() and any(target.iterdir()):
        msg = f"The folder {target} is not empty. Nothing was changed."
        raise UsageError(msg, "Choose an empty folder, or one that does not exist.")
    above = target.absolute().parent
    if not above.is_dir():
        msg = f"The folder of {target} does not exist."
        raise UsageError(msg, "Create it first.")
    with ExitStack() as stack:
        try:
            draft = temporary_folder(f".{target.name[:200]}.reseal-", above)
            partial_folder = stack.enter_context(draft)
        except OSError as error:
            msg = f"{target} can't be created: {error.strerror}."
            raise ImageError(msg) from error
        return _fill(wim, index, target, partial_folder, report, check=check)


def _fill(
    wim: Path, index: int | None, target: Path, partial_folder: Path, report: Report, *, check: bool
) -> dict[str, Any]:
    def work(send: Report) -> dict[str, Any]:
        return apply_to_folder(wim, index, partial_folder, check=check, on_progress=send)

    try:
        limits = Limits(reads=_beside(wim), writes=(partial_folder,))
        result = in_worker(wim, work, report, limits)
        mode = target.stat().st_mode & 0o7777 if target.exists() else 0o755
        partial_folder.chmod(mode)
        sync_file_system(partial_folder)
        # This replaces an empty folder atomically, but fails for a mount point.
        partial_folder.replace(target)
        sync_folder(target.absolute().parent)
    except OSError as error:
        if isinstance(error, ImageError):
            raise
        msg = f"{target} can't be replaced: {error.strerror}. Nothing was changed in it."
        raise ImageError(msg, "Choose a folder that does not exist.") from error
    return result
