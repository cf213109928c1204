"""seccomp: restrict the system calls of a process.

A worker gets an allow list (`calls`), built by libseccomp, which knows the numbers of every system call
on every processor. Other calls that the library knows fail with EPERM. Calls that are newer than the
library fail with ENOSYS, so that the C library uses an older one. A call of another architecture ends
the process. Without libseccomp, and for third-party programs, a deny list is used instead.

Sources: the kernel's userspace-api/seccomp_filter; libseccomp's seccomp_rule_add(3); numbers of system
calls from the kernel's tables; documented.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import tempfile
from collections.abc import Sequence
from functools import cache

from reseal.sandbox import calls

_libc = ctypes.CDLL(None, use_errno=True)
_libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
_libc.syscall.restype = ctypes.c_long

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2  # linux/prctl.h, linux/seccomp.h
#: The system call seccomp itself, and its operation that returns a descriptor to listen at.
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_SET_MODE_FILTER, _NEW_LISTENER = 1, 8

# linux/filter.h, linux/seccomp.h, linux/audit.h
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_ALLOW, _KILL, _REFUSE, _ASK = 0x7FFF0000, 0x80000000, 0x00050000, 0x7FC00000
_X32 = 0x40000000  # the numbers of a second set of system calls on x86-64
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
#: Numbers of `kill`, `tgkill` and `prlimit64`, whose arguments are checked in each process.
_OF_OTHERS = {"x86_64": (62, 234, 302), "aarch64": (129, 131, 261)}

# seccomp.h of libseccomp
_SCMP_ALLOW, _SCMP_NATIVE = 0x7FFF0000, 0
_SCMP_MASKED_EQUAL, _SCMP_EQUAL = 7, 4
_UNKNOWN = -1
#: Above the number of any system call.
_MOST = 1024

_AF_UNIX = 1
_CLONE_THREAD = 0x10000


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


class _Comparison(ctypes.Structure):
    """struct scmp_arg_cmp."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operation", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


def available() -> bool:
    """Whether this processor has a filter."""
    return os.uname().machine in _ARCHITECTURES and struct.calcsize("P") == 8


@cache
def allow_list(*, attributes: bool) -> bytes | None:
    """Return the filter that passes only the calls of a worker; None if it can't be built.

    Args:
        attributes: whether modes, times and attributes of files may be changed.
    """
    if not available():
        return None
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return None
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_release.argtypes = [ctypes.c_void_p]
    library.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.seccomp_rule_add_array.argtypes = [
        *(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p)
    ]
    library.seccomp_syscall_resolve_num_arch.restype = ctypes.c_void_p
    context = library.seccomp_init(_REFUSE | errno.EPERM)
    if not context:
        return None
    try:
        for name, *comparisons in _rules(attributes=attributes):
            number = library.seccomp_syscall_resolve_name(name.encode())
            if number < 0:  # not on this processor, or newer than the library
                continue
            checks = (_Comparison * len(comparisons))(*comparisons)
            if library.seccomp_rule_add_array(context, _SCMP_ALLOW, number, len(checks), checks):
                return None
        with tempfile.TemporaryFile() as file:
            if library.seccomp_export_bpf(context, file.fileno()):
                return None
            file.seek(0)
            program = file.read()
    finally:
        library.seccomp_release(context)
    return _head(_newest(library)) + program


def _newest(library: ctypes.CDLL) -> int:
    """Return the highest system call number that the library knows."""
    free = ctypes.CDLL(None).free
    free.argtypes = [ctypes.c_void_p]
    for number in range(_MOST, 0, -1):
        name = library.seccomp_syscall_resolve_num_arch(_SCMP_NATIVE, number)
        if name:
            free(name)
            return number
    return _MOST


def _head(newest: int) -> bytes:
    """Check the architecture, and refuse calls that are newer than the list."""
    return _assembled(
        [
            (_LOAD, 0, 0, _ARCHITECTURE),
            (_EQUAL, 1, 0, _ARCHITECTURES[os.uname().machine]),
            (_RETURN, 0, 0, _KILL),
            (_LOAD, 0, 0, _NUMBER),
            (_AT_LEAST, 0, 1, _X32),
            (_RETURN, 0, 0, _KILL),
            (_AT_LEAST, 0, 1, newest + 1),
            (_RETURN, 0, 0, _REFUSE | errno.ENOSYS),
            # Its flags are in memory, which a filter can't read; the C library then uses clone.
            (_EQUAL, 0, 1, calls.CLONE3),
            (_RETURN, 0, 0, _REFUSE | errno.ENOSYS),
        ]
    )


def _rules(*, attributes: bool) -> list[tuple[str, *tuple[_Comparison, ...]]]:
    def equal(argument: int, value: int) -> _Comparison:
        return _Comparison(argument, _SCMP_EQUAL, value, 0)

    names = [*calls.ALLOWED, *(calls.ATTRIBUTES if attributes else ())]
    return [
        *((name,) for name in names),
        ("socketpair", equal(0, _AF_UNIX)),
        # Threads only, no processes.
        ("clone", _Comparison(0, _SCMP_MASKED_EQUAL, _CLONE_THREAD, _CLONE_THREAD)),
        *(("prctl", equal(0, option)) for option in calls.PRCTL),
        # Only the low half of the number: the kernel ignores the rest.
        *(("ioctl", _Comparison(1, _SCMP_MASKED_EQUAL, 0xFFFFFFFF, one)) for one in calls.IOCTL),
    ]


@cache
def refusals(*, programs: bool, network: bool = False, connects: bool = False) -> bytes | None:
    """Return the filter that refuses the calls that no third-party program needs.

    Args:
        programs: whether other programs may be started.
        network: whether sockets of other kinds than local ones may be made, and connected.
        connects: whether local sockets may be connected.
    """
    if not available():
        return None
    machine = os.uname().machine
    socket, refused, execute = calls.REFUSED[machine]
    program = []
    refused += calls.REFUSED_ANYWHERE
    refused += () if programs else execute
    refused += () if network or connects else (calls.CONNECT[machine],)
    for number in refused:
        program += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSE | errno.EPERM)]
    program += [
        *([] if network else [(_EQUAL, 1, 0, socket)]),
        (_RETURN, 0, 0, _ALLOW),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_EQUAL, 0, 1, _AF_UNIX),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE | errno.EACCES),
    ]
    return _head(calls.NEWEST) + _assembled(program)


def of_this_process() -> bytes:
    """Return the filter that restricts `kill`, `tgkill` and `prlimit64` to this process."""
    kill, thread_kill, limit = _OF_OTHERS[os.uname().machine]
    return _assembled(
        [
            (_LOAD, 0, 0, _NUMBER),
            (_EQUAL, 1, 0, kill),
            (_EQUAL, 0, 3, thread_kill),
            (_LOAD, 0, 0, _FIRST_ARGUMENT),
            (_EQUAL, 4, 0, os.getpid()),
            (_RETURN, 0, 0, _REFUSE | errno.EPERM),
            (_EQUAL, 0, 2, limit),
            (_LOAD, 0, 0, _FIRST_ARGUMENT),
            (_EQUAL, 0, 1, 0),
            (_RETURN, 0, 0, _ALLOW),
            (_RETURN, 0, 0, _REFUSE | errno.EPERM),
        ]
    )


def _assembled(program: Sequence[tuple[int, int, int, int]]) -> bytes:
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def install(program: bytes) -> bool:
    """Install a filter for every further system call of this process."""
    judge = _Program(len(program) // 8, program)
    done: int = _libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(judge), 0, 0)
    return done == 0


def install_asking(program: bytes) -> int:
    """Install a filter, and return a descriptor that reports every call that it would refuse."""
    asking = b"".join(
        struct.pack("=HBBI", code, true, false, _ASK)
        if (code, value) == (_RETURN, _REFUSE | errno.EPERM)
        else struct.pack("=HBBI", code, true, false, value)
        for code, true, false, value in struct.iter_unpack("=HBBI", program)
    )
    judge = _Program(len(asking) // 8, asking)
    number = _SECCOMP[os.uname().machine]
    found: int = _libc.syscall(
        number, _SET_MODE_FILTER, ctypes.c_ulong(_NEW_LISTENER), ctypes.byref(judge)
    )
    return found
