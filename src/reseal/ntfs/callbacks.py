"""The device that libntfs-3g uses: callbacks over a block cache.

ctypes swallows an exception in a callback and returns an arbitrary value to the library, which could
lose data silently. So each callback catches all exceptions, stores the first one, sets EIO and returns
-1. `Mount` re-raises the stored exception after each library call.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Callable

from reseal.errors import ImageError
from reseal.ntfs import library
from reseal.ntfs.cache import BlockCache

#: Maximum number of reads in one library call. The blocks of a damaged index may form a cycle, which the
#: library would follow without end. The largest legitimate call scans the cluster bitmap of a volume of
#: several terabytes in parts of 8 KiB.
READS_PER_CALL = 200_000

#: Offsets in struct stat of 64-bit Linux: st_mode differs by machine, st_size does not.
_STAT_SIZE = 48
_STAT_MODES = {"x86_64": 24}
_STAT_MODE_GENERIC = 16


class RunawayError(ImageError):
    """libntfs-3g read too often: the file system's structures form a cycle."""


class Allowance:
    """The number of reads that a library call may still make.

    Attributes:
        failure: the first exception from this class or a callback.
    """

    def __init__(self) -> None:
        self.failure: BaseException | None = None
        self._reads = 0
        self._limit = READS_PER_CALL

    def begin(self, extra_reads: int = 0) -> None:
        """Start a library call that may make READS_PER_CALL + `extra_reads` reads."""
        self.failure = None
        self._limit = self._reads + READS_PER_CALL + extra_reads

    def take(self) -> None:
        """Count one read; raise RunawayError if it exceeds the limit."""
        self._reads += 1
        if self._reads > self._limit:
            msg = "The file system is damaged: its structures form a cycle."
            raise RunawayError(msg)


class Callbacks(Allowance):
    """struct ntfs_device_operations over a block cache.

    Attributes:
        operations: argument for ntfs_device_alloc; it must outlive the device.
        failure: the first exception in a callback since `begin`.
    """

    def __init__(self, cache: BlockCache, *, read_only: bool) -> None:
        super().__init__()
        self._cache = cache
        self._read_only = read_only
        self._position = 0
        self.operations = library.DeviceOperations(
            open=library.OPEN(self._guard(self._open)),
            close=library.CLOSE(self._guard(self._close)),
            seek=library.SEEK(self._guard(self._seek)),
            read=library.TRANSFER(self._guard(self._read)),
            write=library.TRANSFER(self._guard(self._write)),
            pread=library.TRANSFER_AT(self._guard(self._read_at)),
            pwrite=library.TRANSFER_AT(self._guard(self._write_at)),
            sync=library.CLOSE(self._guard(self._sync)),
            stat=library.STAT(self._guard(self._stat)),
            ioctl=library.IOCTL(self._guard(self._ioctl)),
        )

    def _guard(self, function: Callable[..., int]) -> Callable[..., int]:
        def guarded(*arguments: object) -> int:
            try:
                return function(*arguments)
            except BaseException as error:  # noqa: BLE001  raised again after the library call
                if self.failure is None:
                    self.failure = error
                ctypes.set_errno(errno.EIO)
                return -1

        return guarded

    def _open(self, device: ctypes._Pointer[library.NtfsDevice], _flags: int) -> int:
        device.contents.d_state |= library.STATE_OPEN
        return 0

    def _close(self, device: ctypes._Pointer[library.NtfsDevice]) -> int:
        device.contents.d_state &= ~library.STATE_OPEN
        return 0

    def _seek(self, _device: object, offset: int, whence: int) -> int:
        base = {0: 0, 1: self._position, 2: self._cache.size}[whence]
        if not 0 <= base + offset <= self._cache.size:
            ctypes.set_errno(errno.EINVAL)
            return -1
        self._position = base + offset
        return self._position

    def _read(self, device: object, buffer: int, count: int) -> int:
        done = self._read_at(device, buffer, count, self._position)
        self._position += max(done, 0)
        return done

    def _write(self, device: object, buffer: int, count: int) -> int:
        done = self._write_at(device, buffer, count, self._position)
        self._position += max(done, 0)
        return done

    def _read_at(self, _device: object, buffer: int, count: int, offset: int) -> int:
        self.take()
        count = min(count, self._cache.size - offset)
        if count <= 0 or offset < 0:
            return 0
        self._cache.read_to(buffer, offset, count)
        return count

    def _write_at(self, _device: object, buffer: int, count: int, offset: int) -> int:
        if self._read_only:
            ctypes.set_errno(errno.EROFS)
            return -1
        if offset < 0 or count < 0 or offset + count > self._cache.size:
            ctypes.set_errno(errno.ENOSPC)
            return -1
        self._cache.write_from(buffer, offset, count)
        return count

    def _sync(self, _device: object) -> int:
        # The cache is flushed when the volume is closed; until then, all reads go through it.
        return 0

    def _stat(self, _device: object, buffer: int) -> int:
        machine = _STAT_MODES.get(os.uname().machine, _STAT_MODE_GENERIC)
        ctypes.memset(buffer, 0, 128)
        ctypes.c_uint32.from_address(buffer + machine).value = stat.S_IFREG | 0o600
        ctypes.c_int64.from_address(buffer + _STAT_SIZE).value = self._cache.size
        return 0

    def _ioctl(self, _device: object, _request: int, _argument: int) -> int:
        ctypes.set_errno(errno.EOPNOTSUPP)
        return -1
