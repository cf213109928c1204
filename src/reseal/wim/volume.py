"""Let libwim work on an NTFS volume inside a device.

libwim opens an NTFS volume by path, through libntfs-3g's operations for files and block devices.
libntfs-3g exports these as a structure. While a volume is in use, reseal replaces them by callbacks, so
that libwim can read and write any device. If the volume is a whole plain file, libntfs-3g's operations
stay in use where possible, because they are faster.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache

from reseal.disk.device import Device, FileDevice, written_behind
from reseal.ntfs import library as ntfs_library
from reseal.ntfs.cache import BlockCache
from reseal.ntfs.callbacks import Allowance, Callbacks, RunawayError
from reseal.ntfs.library import DeviceOperations, NtfsDevice

#: Name under which libwim opens a device. It only appears in libwim's messages.
_NAME = b"the volume"

#: Smallest read of a file's content by the library; it bounds the number of reads per file.
_SMALLEST_READ = 4096


class Volume:
    """A volume that libwim works on.

    Attributes:
        name: the path of the volume for libwim.
        operations: replacements for libntfs-3g's operations.
    """

    name = _NAME

    def __init__(self, operations: DeviceOperations, allowance: Allowance, reads: int) -> None:
        self.operations = operations
        self._allowance = allowance
        self._reads = reads

    def renew(self) -> None:
        """Reset the read limit for the next file, unless a callback failed."""
        if self._allowance.failure is None:
            self._allowance.begin(self._reads)

    def raise_failure(self) -> None:
        """Raise the exception of a callback, if any."""
        failure, self._allowance.failure = self._allowance.failure, None
        if failure is not None:
            raise failure

    def walked(self) -> None:
        """Record that the tree was walked. Later reads are of file content, which is finite."""

    def flush(self) -> None:
        """Write all changes to the device, and flush it."""


class _DeviceVolume(Volume):
    """Any device, through callbacks and a cache."""

    def __init__(self, device: Device, *, read_only: bool) -> None:
        self.cache = BlockCache(device)
        callbacks = Callbacks(self.cache, read_only=read_only)
        super().__init__(callbacks.operations, callbacks, device.size // _SMALLEST_READ)
        self.flush = self.cache.flush  # type: ignore[method-assign]


class _FileVolume(Volume):
    """A plain file, through libntfs-3g's operations except a few.

    The file is not opened by name, because the name may refer to another file by now. It is not locked,
    because reseal holds the lock. Only reseal flushes it, once at the end. Reads are counted while libwim
    walks an untrusted tree.
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
        """Record that the tree was walked: restore libntfs-3g's read operation."""
        _exported().pread = self._own.pread


@cache
def _takes_descriptors() -> bool:
    """Whether libntfs-3g's operations find a file descriptor where `_FileVolume` puts it.

    `d_private` points to it in all releases (seen), but this is not documented.
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

    The device gets all writes when the context ends without an error.

    Args:
        device: the device; the caller closes it.
        read_only: whether writing is refused.
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
    """libntfs-3g's operations for files."""
    return DeviceOperations.in_dll(ntfs_library.load().calls, "ntfs_device_unix_io_ops")


@contextmanager
def _in_place(operations: DeviceOperations) -> Iterator[None]:
    """Replace libntfs-3g's operations in this context."""
    exported = _exported()
    place, size = ctypes.addressof(exported), ctypes.sizeof(exported)
    original = ctypes.string_at(place, size)
    ctypes.memmove(place, ctypes.addressof(operations), size)
    try:
        yield
    finally:
        ctypes.memmove(place, original, size)
