"""libwim on an NTFS volume inside a device.

libwim opens an NTFS volume by a path, through libntfs-3g's own operations for files and block
devices. These are a structure that libntfs-3g exports; for as long as the volume is in use, it holds
reseal's callbacks, so that libwim reads and writes whatever device reseal has. Where the volume is a plain
file from its first byte to its last, libntfs-3g's own operations do most of it, and faster.
"""

from __future__ import annotations

import ctypes
import errno
import os
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING

from reseal.disk.device import FileDevice, written_behind
from reseal.ntfs import library as ntfs_library
from reseal.ntfs.cache import BlockCache
from reseal.ntfs.callbacks import Allowance, Callbacks, RunawayError
from reseal.ntfs.library import DeviceOperations, NtfsDevice

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
        operations: what libntfs-3g's own operations are replaced by.
    """

    name = _NAME

    def __init__(self, operations: DeviceOperations, allowance: Allowance, reads: int) -> None:
        self.operations = operations
        self._allowance = allowance
        self._reads = reads

    def renew(self) -> None:
        """Grant the library its reads for one more file, unless a callback failed."""
        if self._allowance.failure is None:
            self._allowance.begin(self._reads)

    def raise_failure(self) -> None:
        """Raise what a callback met."""
        failure, self._allowance.failure = self._allowance.failure, None
        if failure is not None:
            raise failure

    def walked(self) -> None:
        """Take note that the tree was walked; what is read now are files, none of them endless."""

    def flush(self) -> None:
        """Hand everything that was written to the device, and flush it."""


class _DeviceVolume(Volume):
    """Any device, through callbacks and a cache."""

    def __init__(self, device: Device, *, read_only: bool) -> None:
        self.cache = BlockCache(device)
        callbacks = Callbacks(self.cache, read_only=read_only)
        super().__init__(callbacks.operations, callbacks, device.size // _SMALLEST_READ)
        self.flush = self.cache.flush  # type: ignore[method-assign]


class _FileVolume(Volume):
    """A plain file, through libntfs-3g's own operations but for these.

    It is not opened by its name, which may mean another file by now, nor locked, which is reseal's to do;
    and it is flushed by reseal alone, once, in the end. While a tree is walked that others made, reads
    are counted.
    """

    def __init__(self, device: FileDevice) -> None:
        self._own = DeviceOperations.from_buffer_copy(_exported())
        operations = DeviceOperations.from_buffer_copy(self._own)
        super().__init__(operations, Allowance(), device.size // _SMALLEST_READ)
        self._descriptor = ctypes.c_int(device.fileno())
        operations.open = ntfs_library.OPEN(self._open)
        operations.close = ntfs_library.CLOSE(self._close)
        operations.sync = ntfs_library.CLOSE(self._sync)
        if device.read_only and not device.scratch:
            operations.pread = ntfs_library.TRANSFER_AT(self._read_at)
        self.flush = device.flush  # type: ignore[method-assign]

    def _open(self, device: ctypes._Pointer[NtfsDevice], _flags: int) -> int:
        device.contents.d_private = ctypes.addressof(self._descriptor)
        device.contents.d_state |= ntfs_library.STATE_OPEN
        return 0

    def _close(self, device: ctypes._Pointer[NtfsDevice]) -> int:
        device.contents.d_private = None
        device.contents.d_state &= ~ntfs_library.STATE_OPEN
        return 0

    def _sync(self, _device: object) -> int:
        return 0

    def _read_at(
        self, device: ctypes._Pointer[NtfsDevice], buffer: int, count: int, offset: int
    ) -> int:
        try:
            self._allowance.take()
        except RunawayError as error:
            self._allowance.failure = self._allowance.failure or error
            ctypes.set_errno(errno.EIO)
            return -1
        return int(self._own.pread(device, buffer, count, offset))

    def walked(self) -> None:
        """Take note that the tree was walked: leave reading to libntfs-3g."""
        _exported().pread = self._own.pread


@cache
def _takes_descriptors() -> bool:
    """Whether libntfs-3g's own operations find a file's descriptor where `_FileVolume` puts it.

    That `d_private` points to it is seen in every release, and promised by none.
    """
    content = b"reseal"
    number = os.memfd_create("test")
    try:
        os.write(number, content)
        descriptor = ctypes.c_int(number)
        device = NtfsDevice(d_private=ctypes.addressof(descriptor))
        buffer = ctypes.create_string_buffer(len(content))
        own = _exported()
        read = own.pread(ctypes.byref(device), ctypes.addressof(buffer), len(content), 0)
        return read == len(content) and buffer.raw == content
    finally:
        os.close(number)


@contextmanager
def volume(device: Device, *, read_only: bool) -> Iterator[Volume]:
    """Let libwim open the NTFS volume that fills a device; for one thread of a process.

    What was written reaches the device when the context ends well.

    Args:
        device: stays the caller's to close.
        read_only: whether nothing may be written.
    """
    with ExitStack() as stack:
        opened: Volume
        if (
            isinstance(device, FileDevice)
            and device.read_only == read_only
            and _takes_descriptors()
        ):
            opened = _FileVolume(device)
            if not (read_only or device.scratch):
                stack.enter_context(written_behind(device.fileno()))
        else:
            opened = _DeviceVolume(device, read_only=read_only)
        opened.renew()
        stack.enter_context(_in_place(opened.operations))
        yield opened
        opened.raise_failure()
    if not read_only:
        opened.flush()


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
