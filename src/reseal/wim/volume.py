"""libwim on an NTFS volume inside a device.

libwim opens an NTFS volume by a path, through libntfs-3g's own operations for files and block
devices. These are a structure that libntfs-3g exports; for as long as the volume is in use, it holds
reseal's callbacks, so that libwim reads and writes whatever device reseal has. Only a volume that is a
plain file from its first byte to its last and was just made, to be written or as a scratch volume, is
left to libntfs-3g's own operations, which are faster. What others made may be hostile, and the callbacks
set it bounds.
"""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reseal.disk.device import FileDevice
from reseal.ntfs import library as ntfs_library
from reseal.ntfs.cache import BlockCache
from reseal.ntfs.callbacks import Callbacks
from reseal.ntfs.library import DeviceOperations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.disk.device import Device

#: Under this name libwim opens a device. It is never looked up; it stands in libwim's messages.
_NAME = b"the volume"

#: The smallest step in which the library reads a file's content; it bounds how many reads one file takes.
_SMALLEST_READ = 4096


class Volume:
    """A volume that libwim works on.

    Attributes:
        name: what libwim takes as the volume.
    """

    def __init__(self, name: bytes) -> None:
        self.name = name

    def renew(self) -> None:
        """Grant the library its reads for one more file, unless a callback failed."""

    def raise_failure(self) -> None:
        """Raise what a callback met."""

    def flush(self) -> None:
        """Hand everything that was written to the device, and flush it."""


class _FileVolume(Volume):
    """A plain file, through libntfs-3g's own operations but for one: reseal flushes it once, in the end."""

    def __init__(self, device: FileDevice) -> None:
        super().__init__(bytes(device.path))
        self.flush = device.flush  # type: ignore[method-assign]


class _DeviceVolume(Volume):
    """Any device, through callbacks and a cache."""

    def __init__(self, device: Device, *, read_only: bool) -> None:
        super().__init__(_NAME)
        self.cache = BlockCache(device)
        self.callbacks = Callbacks(self.cache, read_only=read_only)
        self._reads = device.size // _SMALLEST_READ

    def renew(self) -> None:
        """Grant the library its reads for one more file, unless a callback failed."""
        if self.callbacks.failure is None:
            self.callbacks.begin(self._reads)

    def raise_failure(self) -> None:
        """Raise what a callback met."""
        failure, self.callbacks.failure = self.callbacks.failure, None
        if failure is not None:
            raise failure

    def flush(self) -> None:
        """Hand everything that was written to the device, and flush it."""
        self.cache.flush()


@contextmanager
def volume(device: Device, *, read_only: bool) -> Iterator[Volume]:
    """Let libwim open the NTFS volume that fills a device; for one thread of a process.

    What was written reaches the device when the context ends well.

    Args:
        device: stays the caller's to close.
        read_only: whether nothing may be written.
    """
    opened: Volume
    if isinstance(device, FileDevice) and (device.scratch or not read_only):
        opened = _FileVolume(device)
        operations = DeviceOperations.from_buffer_copy(_exported())
        operations.sync = ntfs_library.CLOSE(_leave_to_flush)
        with device.written_behind(), _in_place(operations):
            yield opened
    else:
        opened = _DeviceVolume(device, read_only=read_only)
        opened.renew()
        with _in_place(opened.callbacks.operations):
            yield opened
            opened.raise_failure()
    if not read_only:
        opened.flush()


def _leave_to_flush(device: ctypes._Pointer[ntfs_library.NtfsDevice]) -> int:
    """Have libntfs-3g believe that the device was synced, so that closing it does not either."""
    device.contents.d_state &= ~ntfs_library.STATE_DIRTY
    return 0


def _exported() -> DeviceOperations:
    """libntfs-3g's own operations."""
    return DeviceOperations.in_dll(ntfs_library.load().calls, "ntfs_device_unix_io_ops")


@contextmanager
def _in_place(operations: DeviceOperations) -> Iterator[None]:
    """Have libntfs-3g's own operations be these."""
    exported = _exported()
    place, size = ctypes.addressof(exported), ctypes.sizeof(exported)
    original = ctypes.string_at(place, size)
    ctypes.memmove(place, ctypes.addressof(operations), size)
    try:
        yield
    finally:
        ctypes.memmove(place, original, size)
