"""A disk behind a network block device server, through libnbd."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from reseal.disk.device import DiskError, check_range
from reseal.process import load_library
from reseal.sandbox import heartbeat, sockets

#: Under this name the server exports the disk.
EXPORT = "disk"

#: Bytes of one request; servers need not take more than 32 MiB.
_CHUNK = 4 << 20


#: A request of this size is answered by every server; data are not sent in it.
_REQUEST = 1 << 30
#: Which parts of a disk read as zeros is told under this name (documented: NBD protocol).
_ALLOCATION = b"base:allocation"
_READS_AS_ZERO = 0x2

_EXTENT_FUNCTION = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_char_p,
    ctypes.c_uint64,
    ctypes.POINTER(ctypes.c_uint32),
    ctypes.c_size_t,
    ctypes.POINTER(ctypes.c_int),
)


class _ExtentCallback(ctypes.Structure):
    """nbd_extent_callback of libnbd.h."""

    _fields_ = [
        ("callback", _EXTENT_FUNCTION),
        ("user_data", ctypes.c_void_p),
        ("free", ctypes.c_void_p),
    ]


@cache
def _libnbd() -> ctypes.CDLL:
    library = load_library(["libnbd.so.0"], package="libnbd0")
    pointer, text, size, offset = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64
    transfer = [pointer, pointer, size, offset, ctypes.c_uint32]
    for name, result, arguments in (
        ("nbd_create", pointer, []),
        ("nbd_close", None, [pointer]),
        ("nbd_set_export_name", ctypes.c_int, [pointer, text]),
        ("nbd_set_request_block_size", ctypes.c_int, [pointer, ctypes.c_bool]),
        ("nbd_connect_unix", ctypes.c_int, [pointer, text]),
        ("nbd_connect_socket", ctypes.c_int, [pointer, ctypes.c_int]),
        ("nbd_get_size", ctypes.c_int64, [pointer]),
        ("nbd_is_read_only", ctypes.c_int, [pointer]),
        ("nbd_pread", ctypes.c_int, transfer),
        ("nbd_pwrite", ctypes.c_int, transfer),
        ("nbd_zero", ctypes.c_int, [pointer, offset, offset, ctypes.c_uint32]),
        ("nbd_add_meta_context", ctypes.c_int, [pointer, text]),
        ("nbd_can_meta_context", ctypes.c_int, [pointer, text]),
        (
            "nbd_block_status",
            ctypes.c_int,
            [pointer, offset, offset, _ExtentCallback, ctypes.c_uint32],
        ),
        ("nbd_flush", ctypes.c_int, [pointer, ctypes.c_uint32]),
        ("nbd_shutdown", ctypes.c_int, [pointer, ctypes.c_uint32]),
        ("nbd_get_error", text, []),
        ("nbd_get_errno", ctypes.c_int, []),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def connect(socket_path: Path, *, read_only: bool = False) -> NbdDevice:
    """Connect to the disk that `Image.serve` serves.

    Args:
        socket_path: the server's unix socket.
        read_only: refuse writes here, whatever the server allows.

    Raises:
        EngineError: libnbd is not installed.
        DiskError: the server does not answer.
    """
    return NbdDevice(socket_path, read_only=read_only)


class NbdDevice:
    """A disk behind a unix socket, as a `Device`. For one thread, and not across a fork.

    Attributes:
        size: of the disk in bytes.
        read_only: whether writing is refused.
        bytes_read: how many were read so far.
        bytes_written: how many were written so far.
    """

    def __init__(self, socket_path: Path, *, read_only: bool) -> None:
        self._nbd = _libnbd()
        self.bytes_read = self.bytes_written = 0
        self._handle: int | None = self._nbd.nbd_create()
        try:
            self._check(self._nbd.nbd_set_export_name(self._handle, EXPORT.encode()), "opened")
            self._check(self._nbd.nbd_add_meta_context(self._handle, _ALLOCATION), "opened")
            # A client that does not ask for the block size may send requests of any alignment.
            self._check(self._nbd.nbd_set_request_block_size(self._handle, False), "opened")
            self._check(self._connect(socket_path), "opened")
            self.size: int = self._nbd.nbd_get_size(self._handle)
            self._check(min(self.size, 0), "opened")
            self.read_only = read_only or self._nbd.nbd_is_read_only(self._handle) != 0
        except BaseException:
            self.close()
            raise
        self._buffer = ctypes.create_string_buffer(_CHUNK)

    def _connect(self, path: Path) -> int:
        connected = sockets.taken(path)
        if connected is not None:  # the library closes it
            done: int = self._nbd.nbd_connect_socket(self._handle, connected)
        else:
            done = self._nbd.nbd_connect_unix(self._handle, os.fsencode(path))
        return done

    def read(self, offset: int, size: int) -> bytes:
        """Return exactly `size` bytes from `offset`."""
        check_range(self, offset, size)
        parts = []
        for start in range(offset, offset + size, _CHUNK):
            heartbeat()
            length = min(_CHUNK, offset + size - start)
            result = self._nbd.nbd_pread(self._handle, self._buffer, length, start, 0)
            self._check(result, f"read at {start}")
            parts.append(ctypes.string_at(self._buffer, length))
        self.bytes_read += size
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def write(self, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset`."""
        check_range(self, offset, len(data))
        if self.read_only:
            raise DiskError("the disk is open for reading only.")
        for start in range(0, len(data), _CHUNK):
            heartbeat()
            part = bytes(data[start : start + _CHUNK])
            result = self._nbd.nbd_pwrite(self._handle, part, len(part), offset + start, 0)
            self._check(result, f"written at {offset + start}")
        self.bytes_written += len(data)

    def zero(self, offset: int, size: int) -> None:
        """Let a range read as zeros, without space for it where the format can do that."""
        check_range(self, offset, size)
        if self.read_only:
            raise DiskError("the disk is open for reading only.")
        for start in range(offset, offset + size, _REQUEST):
            length = min(_REQUEST, offset + size - start)
            self._check(self._nbd.nbd_zero(self._handle, length, start, 0), f"written at {start}")

    def data(self, offset: int, size: int) -> Iterator[tuple[int, int]]:
        """Yield offset and size of the parts of a range that may hold anything but zeros."""
        check_range(self, offset, size)
        if self._nbd.nbd_can_meta_context(self._handle, _ALLOCATION) != 1:
            yield offset, size
            return
        found: list[tuple[int, int]] = []

        def extents(
            _: object, context: bytes, start: int, entries: Any, count: int, _error: object
        ) -> int:
            if context == _ALLOCATION:
                for index in range(0, count, 2):
                    found.append((entries[index], entries[index + 1]))
            del start
            return 0

        callback = _ExtentCallback(_EXTENT_FUNCTION(extents), None, None)
        end = offset + size
        while offset < end:
            found.clear()
            length = min(_REQUEST, end - offset)
            result = self._nbd.nbd_block_status(self._handle, length, offset, callback, 0)
            self._check(result, f"queried at {offset}")
            if not any(part for part, _ in found):
                yield offset, end - offset
                return
            for length, flags in found:
                part = min(length, end - offset)
                if part and not flags & _READS_AS_ZERO:
                    yield offset, part
                offset += part

    def flush(self) -> None:
        """Return when everything written has reached stable storage."""
        if not self.read_only:
            self._check(self._nbd.nbd_flush(self._handle, 0), "flushed")

    def close(self) -> None:
        """Disconnect. Closing twice is allowed."""
        if self._handle is not None:
            self._nbd.nbd_shutdown(self._handle, 0)
            self._nbd.nbd_close(self._handle)
            self._handle = None

    def _check(self, result: int, what: str) -> None:
        if result >= 0:
            return
        number = self._nbd.nbd_get_errno()
        said = (self._nbd.nbd_get_error() or b"").decode(errors="replace")
        error = DiskError(f"the disk can't be {what}: {said or os.strerror(number)}.", hint=None)
        error.errno = number
        raise error
