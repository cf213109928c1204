"""A raw disk with many writes: write to a copy, which replaces the disk at the end.

Merging an overlay would write all data twice. Copying a raw file with little data, such as an empty
volume, is fast.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from reseal.disk import Device, DiskError, FileDevice, Image
from reseal.disk.sidecar import sync_folder
from reseal.disk.staged import Appearance, require_space
from reseal.hostfile import keep_attributes
from reseal.run.disk import Disk
from reseal.run.medium import Medium
from reseal.run.options import RunOptions
from reseal.wim.writing import give_name, open_beside
from reseal.worker import Report

#: Maximum data in a raw file, in bytes, to copy it instead of merging an overlay.
_MOST = 64 << 20


def medium(path: Path, options: RunOptions) -> Medium:
    """Return the medium for a disk with many writes."""
    with Image.open(path, allow_backing=options.allow_backing, scratch=options.scratch) as image:
        return RawCopy(path, options) if _fits(image) else Disk(path, options)


def _fits(image: Image) -> bool:
    """Whether an image is a writable raw file of this user, with little data and a single link."""
    if image.is_device:
        return False
    status = image.file.stat()
    own = image.format == "raw" and not image.why_read_only and len(list(image.link.chain())) == 1
    owned = status.st_uid == os.geteuid() and status.st_nlink == 1
    return own and owned and status.st_blocks * 512 <= _MOST


class RawCopy(Disk):
    """A copy of a raw disk, as `reseal.run.medium.Medium`."""

    def _hold(self, stack: ExitStack) -> None:
        allow = self._options.allow_backing
        self.image = image = stack.enter_context(Image.open(self.path, allow_backing=allow))
        self.images = [image]
        image.lock.exclude()
        self._appearance = Appearance(image)
        what = f"the copy of {self.path}"
        require_space(image.file.parent, image.file_size, what, "Free some space.")
        try:
            self._number, self._copy = open_beside(image.file)
        except OSError as error:
            msg = f"{self.path} can't be copied: {error.strerror}."
            raise DiskError(msg, "reseal needs write access to the folder of the image.") from error
        self._keeps = (self._number,)
        stack.callback(self._discard)
        _copy(image.file, self._number)

    def _device(self) -> Callable[[], Device]:
        return partial(FileDevice, self._number, read_only=False)

    def finish(self, result: dict[str, Any], report: Report) -> None:
        """Replace the disk by the copy."""
        del result, report
        file = self.image.file
        keep_attributes(file, self._number)
        os.fsync(self._number)
        self._appearance.require_unchanged()
        if self._copy is None:
            self._copy = give_name(self._number, file)
        self._copy.replace(file)
        self._copy = None
        sync_folder(file.parent)

    def _discard(self) -> None:
        os.close(self._number)
        if self._copy is not None:
            self._copy.unlink(missing_ok=True)


def _copy(source: Path, target: int) -> None:
    """Copy the data of a file, preserving its holes."""
    with source.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        os.ftruncate(target, size)
        offset = 0
        while offset < size:
            try:
                offset = os.lseek(file.fileno(), offset, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:  # only a hole remains
                    return
                raise
            end = os.lseek(file.fileno(), offset, os.SEEK_HOLE)
            while offset < end:
                done = os.copy_file_range(file.fileno(), target, end - offset, offset, offset)
                if not done:
                    return
                offset += done
