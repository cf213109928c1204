"""libntfs-3g through ctypes: loading, prototypes, messages, and a compatibility check."""

from __future__ import annotations

import ctypes
import errno
import os
from collections import deque
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char_p,
    c_int,
    c_int64,
    c_long,
    c_uint8,
    c_uint16,
    c_uint32,
    c_uint64,
    c_ulong,
    c_void_p,
)
from functools import cache
from typing import TypeAlias

from reseal.errors import EngineError

#: Sonames with this interface; the number changes with releases of libntfs-3g.
SONAMES = tuple(f"libntfs-3g.so.{version}" for version in (89, *range(90, 100), 88, 883, 882))
MISSING_HINT = "Install it: apt install libntfs-3g89 (Debian 12, Ubuntu 24.04) or ntfs-3g."

#: Number of library messages that are kept for errors.
MESSAGES_KEPT = 8
MESSAGE_SIZE = 512
LOG_PERROR = 1 << 8

#: Bits of ntfs_device.d_state.
STATE_OPEN = 1

#: Flags of ntfs_device_mount.
MOUNT_READ_ONLY = 0x1
#: Mount writable without checks of $LogFile and hiberfil.sys, and without repairs. reseal makes these
#: checks itself, to report the result.
MOUNT_UNCHECKED = 0x04000000


class NtfsDevice(Structure):
    """struct ntfs_device."""

    _fields_ = (
        ("d_ops", c_void_p),
        ("d_state", c_ulong),
        ("d_name", c_char_p),
        ("d_private", c_void_p),
        ("d_heads", c_int),
        ("d_sectors_per_track", c_int),
    )


class SearchContext(Structure):
    """The start of struct ntfs_attr_search_ctx: the record and the attribute found."""

    _fields_ = (("mrec", c_void_p), ("attr", c_void_p))


DevicePointer = POINTER(NtfsDevice)
OPEN = CFUNCTYPE(c_int, DevicePointer, c_int, use_errno=True)
CLOSE = CFUNCTYPE(c_int, DevicePointer, use_errno=True)
SEEK = CFUNCTYPE(c_int64, DevicePointer, c_int64, c_int, use_errno=True)
TRANSFER = CFUNCTYPE(c_int64, DevicePointer, c_void_p, c_int64, use_errno=True)
TRANSFER_AT = CFUNCTYPE(c_int64, DevicePointer, c_void_p, c_int64, c_int64, use_errno=True)
STAT = CFUNCTYPE(c_int, DevicePointer, c_void_p, use_errno=True)
IOCTL = CFUNCTYPE(c_int, DevicePointer, c_ulong, c_void_p, use_errno=True)


class DeviceOperations(Structure):
    """struct ntfs_device_operations."""

    _fields_ = (
        ("open", OPEN),
        ("close", CLOSE),
        ("seek", SEEK),
        ("read", TRANSFER),
        ("write", TRANSFER),
        ("pread", TRANSFER_AT),
        ("pwrite", TRANSFER_AT),
        ("sync", CLOSE),
        ("stat", STAT),
        ("ioctl", IOCTL),
    )


_LOG_HANDLER = CFUNCTYPE(c_int, c_char_p, c_char_p, c_int, c_uint32, c_void_p, c_void_p, c_void_p)

#: Functions of a library by name: what each returns, and its arguments.
Prototypes: TypeAlias = dict[str, tuple[object, tuple[object, ...]]]
_P = c_void_p
#: Prototypes, name: (result, arguments), from the library's public headers.
PROTOTYPES: Prototypes = {
    "ntfs_device_alloc": (DevicePointer, (c_char_p, c_long, POINTER(DeviceOperations), _P)),
    "ntfs_device_free": (c_int, (DevicePointer,)),
    "ntfs_device_mount": (_P, (DevicePointer, c_ulong)),
    "ntfs_umount": (c_int, (_P, c_int)),
    "ntfs_open_secure": (c_int, (_P,)),
    "ntfs_set_ignore_case": (c_int, (_P,)),
    "ntfs_volume_write_flags": (c_int, (_P, c_uint16)),
    "ntfs_logfile_reset": (c_int, (_P,)),
    "ntfs_check_logfile": (c_int, (_P, POINTER(c_void_p))),
    "ntfs_is_logfile_clean": (c_int, (_P, _P)),
    "ntfs_inode_open": (_P, (_P, c_uint64)),
    "ntfs_inode_close": (c_int, (_P,)),
    "ntfs_inode_update_times": (None, (_P, c_int)),
    "ntfs_inode_get_times": (c_int, (_P, _P, ctypes.c_size_t)),
    "ntfs_inode_set_times": (c_int, (_P, _P, ctypes.c_size_t, c_int)),
    "ntfs_inode_lookup_by_name": (c_uint64, (_P, _P, c_int)),
    "ntfs_get_ntfs_attrib": (c_int, (_P, _P, ctypes.c_size_t)),
    "ntfs_set_ntfs_attrib": (c_int, (_P, _P, ctypes.c_size_t, c_int)),
    "ntfs_attr_get_search_ctx": (POINTER(SearchContext), (_P, _P)),
    "ntfs_attr_put_search_ctx": (None, (POINTER(SearchContext),)),
    "ntfs_attr_lookup": (
        c_int,
        (c_uint32, _P, c_uint32, c_int, c_int64, _P, c_uint32, POINTER(SearchContext)),
    ),
    "ntfs_attr_open": (_P, (_P, c_uint32, _P, c_uint32)),
    "ntfs_attr_close": (None, (_P,)),
    "ntfs_attr_pclose": (c_int, (_P,)),
    "ntfs_attr_pread": (c_int64, (_P, c_int64, c_int64, _P)),
    "ntfs_attr_pwrite": (c_int64, (_P, c_int64, c_int64, _P)),
    "ntfs_attr_mst_pread": (c_int64, (_P, c_int64, c_int64, c_uint32, _P)),
    "ntfs_attr_truncate": (c_int, (_P, c_int64)),
    "ntfs_attr_add": (c_int, (_P, c_uint32, _P, c_uint8, _P, c_int64)),
    "ntfs_attr_remove": (c_int, (_P, c_uint32, _P, c_uint32)),
    "ntfs_create": (_P, (_P, c_uint32, _P, c_uint8, c_uint32)),
    "ntfs_delete": (c_int, (_P, c_char_p, _P, _P, _P, c_uint8)),
    "ntfs_link": (c_int, (_P, _P, _P, c_uint8)),
    "ntfs_forbidden_names": (c_int, (_P, _P, c_int, c_int)),
    "ntfs_set_ntfs_dos_name": (c_int, (_P, _P, c_char_p, ctypes.c_size_t, c_int)),
    "ntfs_get_ntfs_acl": (c_int, (_P, _P, _P, ctypes.c_size_t)),
    "ntfs_set_ntfs_acl": (c_int, (_P, _P, c_char_p, ctypes.c_size_t, c_int)),
    "ntfs_inherited_id": (c_uint32, (_P, _P, c_int)),
    "ntfs_set_ntfs_reparse_data": (c_int, (_P, c_char_p, ctypes.c_size_t, c_int)),
    "ntfs_remove_ntfs_reparse_data": (c_int, (_P,)),
    "ntfs_security_hash": (c_uint32, (c_char_p, c_uint32)),
    "ntfs_log_set_handler": (None, (_LOG_HANDLER,)),
}


def declare(calls: ctypes.CDLL, prototypes: Prototypes) -> None:
    """Give the functions of a library their prototypes.

    Raises:
        AttributeError: the library lacks one.
    """
    for name, (result, arguments) in prototypes.items():
        function = getattr(calls, name)
        function.restype = result
        function.argtypes = arguments


class Library:
    """The loaded library.

    Attributes:
        calls: the functions of PROTOTYPES, as attributes.
        unnamed: the library's constant for the name of an unnamed attribute. It compares the address;
            another empty name would match any attribute.
        messages: the last log messages of the library, which don't go to stderr.
    """

    def __init__(self, calls: ctypes.CDLL) -> None:
        self.calls = calls
        try:
            declare(calls, PROTOTYPES)
            self.unnamed = ctypes.addressof(c_uint16.in_dll(calls, "AT_UNNAMED"))
        except (AttributeError, ValueError) as error:
            msg = f"The installed libntfs-3g is incompatible: {error}."
            raise EngineError(msg, hint=MISSING_HINT) from error
        self.messages: deque[str] = deque(maxlen=MESSAGES_KEPT)
        self._vsnprintf = ctypes.CDLL(None).vsnprintf
        self._vsnprintf.argtypes = (c_void_p, ctypes.c_size_t, c_void_p, c_void_p)
        self._handler = _LOG_HANDLER(self._log)
        calls.ntfs_log_set_handler(self._handler)
        self._test()

    def _log(  # the library's signature
        self,
        _function: bytes,
        _file: bytes,
        _line: int,
        level: int,
        _data: int | None,
        text: int,
        values: int,
    ) -> int:
        number = ctypes.get_errno()
        buffer = ctypes.create_string_buffer(MESSAGE_SIZE)
        self._vsnprintf(buffer, MESSAGE_SIZE, text, values)
        message = buffer.value.decode(errors="replace").strip()
        if level & LOG_PERROR and number:
            message += f": {os.strerror(number)}"
        self.messages.append(message)
        return 0

    def _test(self) -> None:
        """Check that the structures that reseal reads directly match the library's."""
        operations = DeviceOperations()
        device = self.calls.ntfs_device_alloc(b"reseal", 0, ctypes.byref(operations), None)
        # A record of 128 bytes whose first attribute starts at byte 56, as the header says.
        record = ctypes.create_string_buffer(128)
        record[0x14] = b"\x38"
        context = self.calls.ntfs_attr_get_search_ctx(None, record)
        try:
            fits = (
                bool(device)
                and device.contents.d_name == b"reseal"
                and device.contents.d_ops == ctypes.addressof(operations)
                and device.contents.d_state == 0
                and device.contents.d_heads == -1
                and bool(context)
                and context.contents.mrec == ctypes.addressof(record)
                and context.contents.attr == ctypes.addressof(record) + 56
                # Two dwords 1 and 2: h = 1, then 2 + (1 rotated left by 3).
                and self.calls.ntfs_security_hash(b"\1\0\0\0\2\0\0\0", 8) == 10
            )
        finally:
            if context:
                self.calls.ntfs_attr_put_search_ctx(context)
            if device:
                self.calls.ntfs_device_free(device)
        if not fits:
            msg = (
                "The installed libntfs-3g is incompatible: its structures differ from the expected."
            )
            raise EngineError(msg, hint=MISSING_HINT)


@cache
def load() -> Library:
    """Load libntfs-3g once and check that it is compatible.

    Raises:
        EngineError: libntfs-3g is missing or incompatible.
    """
    for soname in SONAMES:
        try:
            calls = ctypes.CDLL(soname, use_errno=True)
        except OSError:
            continue
        return Library(calls)
    msg = "libntfs-3g is not installed."
    raise EngineError(msg, hint=MISSING_HINT)


def error_text(number: int) -> str:
    """Return the meaning of an errno of the library as text."""
    return {
        errno.ENOENT: "it does not exist",
        errno.EEXIST: "it already exists",
        errno.ENOTEMPTY: "the folder is not empty",
        errno.ENOSPC: "no space is left on the volume",
        errno.EACCES: "it is encrypted (EFS)",
        errno.EIO: "the file system is damaged there",
        errno.EINVAL: "the volume or the value is invalid",
        errno.EOPNOTSUPP: "libntfs-3g can't do that to this file",
    }.get(number, os.strerror(number) if number else "libntfs-3g gave no reason")
