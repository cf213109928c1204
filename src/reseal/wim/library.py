"""libwim through ctypes: loading, prototypes, messages, and a compatibility check.

libwim ends its process when memory runs out or an assertion fails, and it parses hostile files. So it
runs in a worker (`reseal.worker.run_worker`) that does nothing else.
"""

from __future__ import annotations

import ctypes
import errno
import os
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char_p,
    c_int,
    c_int32,
    c_size_t,
    c_uint,
    c_uint16,
    c_uint32,
    c_uint64,
    c_void_p,
)
from functools import cache

from reseal.errors import EngineError
from reseal.ntfs import library as ntfs_library
from reseal.process import load_library
from reseal.wim.errors import WimError

#: Releases 1.9 to 1.14 have this interface.
SONAME = "libwim.so.15"
PACKAGE = "wimtools"
MISSING_HINT = "Reinstall Debian's packages wimtools and ntfs-3g."

_ASSUME_UTF8 = 0x1  # WIMLIB_INIT_FLAG_ASSUME_UTF8

#: Index that means all images of a file.
ALL_IMAGES = -1

NONE, XPRESS, LZX, LZMS = range(4)

#: Maximum bytes of the library's messages that are read.
_MESSAGES_KEPT = 1 << 16

# enum wimlib_progress_msg
EXTRACT_FILE_STRUCTURE = 3
EXTRACT_STREAMS = 4
SCAN_BEGIN, SCAN_DENTRY, SCAN_END = 9, 10, 11
WRITE_STREAMS = 12
VERIFY_INTEGRITY, CALC_INTEGRITY = 16, 17
VERIFY_STREAMS = 29

# enum wimlib_progress_status
CONTINUE, ABORT = 0, 1

PROGRESS = CFUNCTYPE(c_int, c_int, c_void_p, c_void_p)

# enum wimlib_error_code: the codes that reseal handles
ERR_DECOMPRESSION = 2
ERR_IMAGE_NAME_COLLISION = 11
ERR_INTEGRITY = 13
ERR_INVALID_IMAGE = 18
ERR_IS_SPLIT_WIM = 33
ERR_NOT_A_WIM_FILE = 43
ERR_NTFS_3G = 46
ERR_PATH_DOES_NOT_EXIST = 49
ERR_UNEXPECTED_END_OF_FILE = 65
ERR_WRITE = 72
ERR_WIM_IS_ENCRYPTED = 74
ERR_ABORTED_BY_PROGRESS = 76
ERR_WIM_IS_INCOMPLETE = 84
ERR_CONCURRENT_MODIFICATION = 88


class WriteStreams(Structure):
    """struct wimlib_progress_info_write_streams: the part that is the same in all releases."""

    _fields_ = (
        ("total_bytes", c_uint64),
        ("total_streams", c_uint64),
        ("completed_bytes", c_uint64),
        ("completed_streams", c_uint64),
    )


class Scan(Structure):
    """struct wimlib_progress_info_scan."""

    _fields_ = (
        ("source", c_char_p),
        ("path", c_char_p),
        ("status", c_int),
        ("target", c_char_p),
        ("directories", c_uint64),
        ("files", c_uint64),
        ("bytes", c_uint64),
    )


#: Scan.status of omitted entries: excluded by the configuration, or unsupported in WIM files.
SCAN_EXCLUDED, SCAN_UNSUPPORTED = 1, 2


class Extract(Structure):
    """struct wimlib_progress_info_extract."""

    _fields_ = (
        ("image", c_uint32),
        ("flags", c_uint32),
        ("wim", c_char_p),
        ("name", c_char_p),
        ("target", c_char_p),
        ("reserved", c_char_p),
        ("total_bytes", c_uint64),
        ("completed_bytes", c_uint64),
        ("total_streams", c_uint64),
        ("completed_streams", c_uint64),
        ("part_number", c_uint32),
        ("total_parts", c_uint32),
        ("guid", ctypes.c_uint8 * 16),
        ("files", c_uint64),
        ("total_files", c_uint64),
    )


class Integrity(Structure):
    """The start of struct wimlib_progress_info_integrity."""

    _fields_ = (("total_bytes", c_uint64), ("completed_bytes", c_uint64))


class VerifyStreams(Structure):
    """struct wimlib_progress_info_verify_streams."""

    _fields_ = (
        ("wim", c_char_p),
        ("total_streams", c_uint64),
        ("total_bytes", c_uint64),
        ("completed_streams", c_uint64),
        ("completed_bytes", c_uint64),
    )


class WimInfo(Structure):
    """struct wimlib_wim_info."""

    _fields_ = (
        ("guid", ctypes.c_uint8 * 16),
        ("image_count", c_uint32),
        ("boot_index", c_uint32),
        ("version", c_uint32),
        ("chunk_size", c_uint32),
        ("part_number", c_uint16),
        ("total_parts", c_uint16),
        ("compression", c_int32),
        ("total_bytes", c_uint64),
        ("has_integrity_table", c_uint32, 1),
        ("opened_from_file", c_uint32, 1),
        ("is_readonly", c_uint32, 1),
        ("has_rpfix", c_uint32, 1),
        ("is_marked_readonly", c_uint32, 1),
        ("spanned", c_uint32, 1),
        ("write_in_progress", c_uint32, 1),
        ("metadata_only", c_uint32, 1),
        ("resource_only", c_uint32, 1),
        ("pipable", c_uint32, 1),
        ("reserved_flags", c_uint32, 22),
        ("reserved", c_uint32 * 9),
    )


class AddCommand(Structure):
    """struct wimlib_add_command."""

    _fields_ = (
        ("source", c_char_p),
        ("target", c_char_p),
        ("config", c_char_p),
        ("flags", c_int),
    )


class DeleteCommand(Structure):
    """struct wimlib_delete_command."""

    _fields_ = (("path", c_char_p), ("flags", c_int))


class _AnyCommand(ctypes.Union):
    _fields_ = (("add", AddCommand), ("delete", DeleteCommand))


class UpdateCommand(Structure):
    """struct wimlib_update_command."""

    _fields_ = (("operation", c_int), ("arguments", _AnyCommand))


#: UpdateCommand.operation.
UPDATE_ADD, UPDATE_DELETE = 0, 1

#: The callback of wimlib_iterate_dir_tree.
VISIT = CFUNCTYPE(c_int, c_void_p, c_void_p)

_W = c_void_p
#: Prototypes, name: (result, arguments), from the library's public header.
PROTOTYPES: ntfs_library.Prototypes = {
    "wimlib_global_init": (c_int, (c_int,)),
    "wimlib_get_version": (c_uint32, ()),
    "wimlib_get_error_string": (c_char_p, (c_int,)),
    "wimlib_set_error_file_by_name": (c_int, (c_char_p,)),
    "wimlib_set_print_errors": (c_int, (ctypes.c_bool,)),
    "wimlib_get_compression_type_string": (c_char_p, (c_int,)),
    "wimlib_create_new_wim": (c_int, (c_int, POINTER(_W))),
    "wimlib_open_wim_with_progress": (c_int, (c_char_p, c_int, POINTER(_W), PROGRESS, _W)),
    "wimlib_register_progress_function": (None, (_W, PROGRESS, _W)),
    "wimlib_free": (None, (_W,)),
    "wimlib_get_wim_info": (c_int, (_W, POINTER(WimInfo))),
    "wimlib_get_xml_data": (c_int, (_W, POINTER(_W), POINTER(c_size_t))),
    "wimlib_reference_resource_files": (c_int, (_W, POINTER(c_char_p), c_uint, c_int, c_int)),
    "wimlib_reference_template_image": (c_int, (_W, c_int, _W, c_int, c_int)),
    "wimlib_set_image_property": (c_int, (_W, c_int, c_char_p, c_char_p)),
    "wimlib_get_image_property": (c_char_p, (_W, c_int, c_char_p)),
    "wimlib_add_empty_image": (c_int, (_W, c_char_p, POINTER(c_int))),
    "wimlib_add_image": (c_int, (_W, c_char_p, c_char_p, c_char_p, c_int)),
    "wimlib_update_image": (c_int, (_W, c_int, POINTER(UpdateCommand), c_size_t, c_int)),
    "wimlib_iterate_dir_tree": (c_int, (_W, c_int, c_char_p, c_int, VISIT, _W)),
    "wimlib_extract_paths": (
        c_int,
        (_W, c_int, c_char_p, POINTER(c_char_p), c_size_t, c_int),
    ),
    "wimlib_extract_image": (c_int, (_W, c_int, c_char_p, c_int)),
    "wimlib_write": (c_int, (_W, c_char_p, c_int, c_int, c_uint)),
}


class Library:
    """The loaded library.

    Attributes:
        calls: the functions of PROTOTYPES, as attributes.
    """

    def __init__(self, calls: ctypes.CDLL) -> None:
        self.calls = calls
        try:
            ntfs_library.declare(calls, PROTOTYPES)
        except AttributeError as error:
            raise _misfit(str(error)) from error
        self._start()
        self._test()

    def _start(self) -> None:
        # Names are UTF-8 in any locale; libntfs-3g uses setlocale().
        os.environ["LC_ALL"] = "C.UTF-8"
        if self.calls.wimlib_global_init(_ASSUME_UTF8):
            raise _misfit("its initialization fails")
        self._collect_messages()
        self.calls.wimlib_set_print_errors(True)

    def _collect_messages(self) -> None:
        self._process = os.getpid()
        self._messages = os.memfd_create("libwim messages")
        self.calls.wimlib_set_error_file_by_name(f"/proc/self/fd/{self._messages}".encode())

    def follow_fork(self) -> None:
        """Collect messages in this process: the file of its parent leads a worker to /dev/null."""
        if self._process != os.getpid():
            self._collect_messages()

    def _test(self) -> None:
        """Check the structures that reseal reads, and that libwim uses the same libntfs-3g."""
        ours = ntfs_library.load().calls
        try:
            same = _operations(ours) == _operations(self.calls)
        except ValueError:
            same = False
        if not same:
            raise _misfit("it was built without libntfs-3g, or uses another libntfs-3g")
        handle = c_void_p()
        if self.calls.wimlib_create_new_wim(LZX, ctypes.byref(handle)):
            raise _misfit("it can't create a WIM")
        try:
            index, info = c_int(), WimInfo()
            failed = self.calls.wimlib_add_empty_image(handle, b"test", ctypes.byref(index))
            failed = failed or self.calls.wimlib_get_wim_info(handle, ctypes.byref(info))
            told = (index.value, info.image_count, info.total_parts, info.opened_from_file)
            name = self.calls.wimlib_get_image_property(handle, 1, b"NAME")
        finally:
            self.calls.wimlib_free(handle)
        if failed or told != (1, 1, 1, 0) or name != b"test":
            raise _misfit("its structures differ from the expected")

    def last_message(self) -> str:
        """Return the library's last error message, without its label; empty if none."""
        return (self._said("[ERROR]") or [""])[-1]

    def warnings(self) -> list[str]:
        """Return the library's last warnings, without their labels."""
        return self._said("[WARNING]")

    def _said(self, label: str) -> list[str]:
        start = max(0, os.fstat(self._messages).st_size - _MESSAGES_KEPT)
        text = os.pread(self._messages, _MESSAGES_KEPT, start).decode(errors="replace")
        lines = text.splitlines()
        return [line.removeprefix(label).strip() for line in lines if line.startswith(label)]

    def forget_messages(self) -> None:
        """Discard the library's messages."""
        os.ftruncate(self._messages, 0)

    def error_text(self, code: int) -> str:
        """Return the library's text for an error code."""
        text: bytes | None = self.calls.wimlib_get_error_string(code)
        return (text or b"unknown error").decode(errors="replace").rstrip(".")


def _operations(calls: ctypes.CDLL) -> int:
    return ctypes.addressof(ctypes.c_char.in_dll(calls, "ntfs_device_unix_io_ops"))


def _misfit(why: str) -> EngineError:
    return EngineError(f"The installed {SONAME} is incompatible: {why}.", hint=MISSING_HINT)


def load() -> Library:
    """Load libwim once and check that it is compatible.

    Raises:
        EngineError: libwim is missing or incompatible.
    """
    library = _loaded()
    library.follow_fork()
    return library


@cache
def _loaded() -> Library:
    return Library(load_library((SONAME,), PACKAGE))


def wim_error(code: int, subject: str, action: str) -> WimError:
    """Build the error for the call that just failed.

    Args:
        code: result of the call.
        subject: the WIM file.
        action: end of the error message, such as `can't be read`.
    """
    library = load()
    number = ctypes.get_errno()
    hint: str | None = None
    if code == ERR_WIM_IS_ENCRYPTED:
        return WimError(
            f"{subject} is an encrypted ESD; only Microsoft's tools have its key.",
            "Use an unencrypted image: install.wim or install.esd of an ISO made by the Media "
            "Creation Tool, or decrypt this one first.",
        )
    if code == ERR_WRITE and number == errno.ENOSPC:
        return WimError(f"{subject} {action}: no space is left.", "Free some space and try again.")
    if code == ERR_CONCURRENT_MODIFICATION:
        return WimError(
            f"{subject} {action}: its source changed while it was read.",
            "Stop the programs that write to it, and try again.",
        )
    if code in {ERR_NOT_A_WIM_FILE, ERR_UNEXPECTED_END_OF_FILE, ERR_DECOMPRESSION, ERR_INTEGRITY}:
        hint = "The file is damaged or incomplete; download or create it again."
    said = library.error_text(code)
    detail = library.last_message()
    text = f"{said} ({detail.rstrip('.')})" if detail else said
    return WimError(f"{subject} {action}: {text}.", hint)
