"""A seekable device: what every layer above sees of a disk, a partition or a plain file."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, runtime_checkable

from reseal.errors import ImageError, os_errors

#: Zeros that are written at once.
_ZEROS = 4 << 20
#: Seconds between two times that the system is asked to write out what is new in a file.
_BEHIND = 0.2

_SYNC_FILE_RANGE_WRITE = 2  # linux/fs.h
_libc = ctypes.CDLL(None, use_errno=True)
_libc.sync_file_range.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]


class DiskError(ImageError, OSError):
    """A disk image can't be opened, read or written."""


class Device(Protocol):
    """Random access to `size` bytes.

    Offsets and sizes are in bytes and need no alignment. A read or write that is not wholly inside
    the device raises DiskError, as does every failure below; there are no short reads or writes.
    """

    size: int
    read_only: bool

    def read(self, offset: int, size: int) -> bytes:
        """Return exactly `size` bytes from `offset`."""
        ...

    def write(self, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset`."""
        ...

    def flush(self) -> None:
        """Return when everything written has reached stable storage."""
        ...

    def close(self) -> None:
        """Give the device back. Closing twice is allowed."""
        ...


@runtime_checkable
class SparseDevice(Protocol):
    """A device that knows which parts of it hold nothing but zeros."""

    def zero(self, offset: int, size: int) -> None:
        """Let a range read as zeros, without space for it where the format can do that."""
        ...

    def data(self, offset: int, size: int) -> Iterator[tuple[int, int]]:
        """Yield offset and size of the parts of a range that may hold anything but zeros."""
        ...


def check_range(device: Device, offset: int, size: int) -> None:
    """Raise DiskError unless `size` bytes from `offset` lie inside the device.

    Args:
        device: the device.
        offset: first byte of the range.
        size: bytes of the range.
    """
    if offset < 0 or size < 0 or offset + size > device.size:
        msg = f"access of {size} bytes at {offset} is outside the device of {device.size} bytes"
        raise DiskError(msg)


class FileDevice:
    """A plain file as a device, without any container format.

    Args:
        file: its path, or the descriptor of a file that is open, which stays open.
        read_only: refuse writes.
        scratch: whether the file is reseal's own and gone when the run is; it is never flushed.
    """

    def __init__(self, file: Path | int, *, read_only: bool = True, scratch: bool = False) -> None:
        self.path = Path(f"/proc/self/fd/{file}") if isinstance(file, int) else file
        self.read_only = read_only
        self.scratch = scratch
        flags = (os.O_RDONLY if read_only else os.O_RDWR) | os.O_CLOEXEC
        with os_errors(f"{self.path} can't be opened", DiskError):
            self._fd = os.dup(file) if isinstance(file, int) else os.open(file, flags)
        self.size = os.lseek(self._fd, 0, os.SEEK_END)

    def read(self, offset: int, size: int) -> bytes:
        """Return exactly `size` bytes from `offset`."""
        check_range(self, offset, size)
        parts: list[bytes] = []
        while size:
            part = os.pread(self._fd, size, offset)
            if not part:
                msg = f"{self.path} ends early, at {offset}"
                raise DiskError(msg)
            parts.append(part)
            offset += len(part)
            size -= len(part)
        return b"".join(parts)

    def write(self, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset`."""
        if self.read_only:
            msg = f"{self.path} was opened read-only"
            raise DiskError(msg)
        check_range(self, offset, len(data))
        view = memoryview(data)
        while view:
            try:
                written = os.pwrite(self._fd, view, offset)
            except OSError as error:
                msg = f"{self.path} can't be written at {offset}: {error.strerror}"
                raise DiskError(msg) from error
            view = view[written:]
            offset += written

    def flush(self) -> None:
        """Return when everything written has reached stable storage."""
        if not self.read_only and not self.scratch:
            os.fsync(self._fd)

    def fileno(self) -> int:
        """Return the descriptor; it stays the device's."""
        return self._fd

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


@contextmanager
def written_behind(descriptor: int) -> Iterator[None]:
    """Have the system write a file while more data comes, rather than all at the end.

    Only fsync says that it arrived, and takes little time then.
    """
    ended = threading.Event()

    def write_out() -> None:
        while not ended.wait(_BEHIND):
            # It starts the writing and takes no error away from fsync, as fdatasync would.
            _libc.sync_file_range(descriptor, 0, 0, _SYNC_FILE_RANGE_WRITE)

    thread = threading.Thread(target=write_out, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class Slice:
    """A range of another device, such as a partition. Closing it leaves the other device open."""

    def __init__(self, device: Device, offset: int, size: int) -> None:
        check_range(device, offset, size)
        self._device = device
        self.offset = offset
        self.size = size
        self.read_only = device.read_only

    def read(self, offset: int, size: int) -> bytes:
        """Return exactly `size` bytes from `offset`."""
        check_range(self, offset, size)
        return self._device.read(self.offset + offset, size)

    def write(self, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset`."""
        check_range(self, offset, len(data))
        self._device.write(self.offset + offset, data)

    def zero(self, offset: int, size: int) -> None:
        """Let a range read as zeros."""
        check_range(self, offset, size)
        if isinstance(self._device, SparseDevice):
            self._device.zero(self.offset + offset, size)
            return
        for start in range(offset, offset + size, _ZEROS):
            self.write(start, bytes(min(_ZEROS, offset + size - start)))

    def data(self, offset: int, size: int) -> Iterator[tuple[int, int]]:
        """Yield the parts of a range that may hold anything but zeros: all of it, if unknown."""
        check_range(self, offset, size)
        if not isinstance(self._device, SparseDevice):
            yield offset, size
            return
        for start, length in self._device.data(self.offset + offset, size):
            yield start - self.offset, length

    def flush(self) -> None:
        """Flush the device below."""
        self._device.flush()

    def close(self) -> None:
        """Do nothing: the owner closes the underlying device."""


def part(device: Device, offset: int, size: int) -> Device:
    """Return a range of a device; the device itself where that is all of it.

    Args:
        device: the whole device.
        offset: first byte of the range.
        size: bytes of the range.

    Raises:
        DiskError: the range does not lie inside the device.
    """
    return device if (offset, size) == (0, device.size) else Slice(device, offset, size)


class Patched:
    """A device as it will be when something is written to it; what is written to this goes there."""

    def __init__(self, device: Device, writes: Sequence[tuple[int, bytes]]) -> None:
        self._device = device
        self._writes = writes
        self.size = device.size
        self.read_only = device.read_only

    def read(self, offset: int, size: int) -> bytes:
        """Return exactly `size` bytes from `offset`."""
        data = bytearray(self._device.read(offset, size))
        for place, new in self._writes:
            start, end = max(place, offset), min(place + len(new), offset + size)
            if start < end:
                data[start - offset : end - offset] = new[start - place : end - place]
        return bytes(data)

    def write(self, offset: int, data: bytes) -> None:
        """Write to the device below."""
        self._device.write(offset, data)

    def flush(self) -> None:
        """Flush the device below."""
        self._device.flush()

    def close(self) -> None:
        """Do nothing: the owner closes the underlying device."""
