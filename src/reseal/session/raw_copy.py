"""A raw disk that gets much: a copy of it is written, and takes its place in the end.

Merging an overlay would write all of it twice. A raw file that holds little yet, as one with an empty
volume does, is copied in no time.
"""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from reseal.disk import DiskError, FileDevice
from reseal.disk.sidecar import sync_folder
from reseal.disk.staged import Appearance, require_space
from reseal.sandbox import Limits
from reseal.wim.writing import give_name, open_beside
from reseal.worker import in_worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reseal.disk import Device, Image
    from reseal.session.session import Report

#: What a raw file may hold, in bytes, to be copied rather than merged into.
_MOST = 64 << 20


def fits(image: Image) -> bool:
    """Whether an image is a raw file that holds little and that nothing else refers to."""
    status = image.file.stat()
    own = image.format == "raw" and not image.why_read_only and len(list(image.link.chain())) == 1
    owned = status.st_uid == os.geteuid() and status.st_nlink == 1
    return own and owned and status.st_blocks * 512 <= _MOST


def change(
    image: Image,
    work: Callable[[Device, Report], dict[str, Any]],
    report: Report,
    *,
    reads: tuple[Path, ...] = (),
) -> dict[str, Any]:
    """Run the work on a copy of a raw disk, and put the copy in the disk's place.

    Args:
        image: of which `fits` is true.
        work: called in a worker with the copy, which it closes.
        report: gets what the work reports.
        reads: files and folders of the host that the work reads.

    Returns:
        What the work returned.

    Raises:
        ImageError: the work failed, or the image was changed meanwhile; it is as it was.
    """
    image.lock.exclude()
    appearance = Appearance(image)
    folder = image.file.parent
    require_space(folder, image.file_size, f"the copy of {image.path}", "Free some space.")
    try:
        number, copy = open_beside(image.file)
    except OSError as error:
        msg = f"{image.path} can't be copied: {error.strerror}."
        raise DiskError(msg, "reseal needs to write beside the image.") from error
    try:
        _copy(image.file, number)
        limits = replace(Limits.of_disk(image.size, reads=reads), keeps=(number,))
        result = in_worker(image.path, partial(_work, number, work), report, limits)
        os.fchmod(number, image.file.stat().st_mode & 0o7777)
        os.fsync(number)
        appearance.require_unchanged()
        if copy is None:
            copy = give_name(number, image.file)
        copy.replace(image.file)
        copy = None
        sync_folder(folder)
    finally:
        os.close(number)
        if copy is not None:
            copy.unlink(missing_ok=True)
    return result


def _work(
    number: int, work: Callable[[Device, Report], dict[str, Any]], report: Report
) -> dict[str, Any]:
    return work(FileDevice(number, read_only=False), report)


def _copy(source: Path, target: int) -> None:
    """Copy what a file holds, and leave its holes holes."""
    with source.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        os.ftruncate(target, size)
        offset = 0
        while offset < size:
            try:
                offset = os.lseek(file.fileno(), offset, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:  # only a hole is left
                    return
                raise
            end = os.lseek(file.fileno(), offset, os.SEEK_HOLE)
            while offset < end:
                done = os.copy_file_range(file.fileno(), target, end - offset, offset, offset)
                if not done:
                    return
                offset += done
