"""What a process that handles hostile images may still do: a bound on memory, time, files, network.

Everything here is entered by a process of its own free will, before it touches the image, and holds
for it and all its children from then on. What the kernel does not offer is left out; `features` says
what there is:

- Resource limits (every Linux): memory, processor time, open files, no core files. When the machine
  runs out of memory all the same, these processes are the first to go.
- seccomp (Linux 3.5 on x86-64 and arm64): no sockets but local ones, and none of the system calls by
  which a process looks into others or changes the system.
- Landlock (Linux 5.13; truncation from 6.2, TCP from 6.7, signals from 6.12): no file but those that
  are named, programs and libraries.

Sources: the kernel's documentation (userspace-api/landlock, userspace-api/seccomp_filter), setrlimit(2),
documented; numbers of system calls from the kernel's tables, documented.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
import signal
import struct
import sys
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

from reseal.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Open files that a process may have.
FILES = 1024

#: Processor seconds that a worker may use without reading or writing anything, or reporting.
PATIENCE = 600.0
#: What a worker needs for everything but hives, and what every hive needs for each of its bytes.
_BASE, _PER_BYTE = 2 << 30, 4
#: More than all hives of a Windows have together.
_MOST_HIVES = 2 << 30
#: Address space beyond the memory that counts: libraries, files, stacks and arenas of threads.
_RESERVED = 8 << 30
#: What is left when the bound on memory was met, to say so.
_SPARE = 64 << 20

_libc = ctypes.CDLL(None, use_errno=True)
_libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
_libc.syscall.restype = ctypes.c_long

# linux/prctl.h
_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2

# Programs, libraries and what they read to start. Not /etc: it holds secrets.
_PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store")
_CONFIGURATION = (
    *("/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/localtime", "/etc/gnutls", "/etc/ssl/openssl.cnf"),
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/filesystems"),
    *("/proc/sys/vm/overcommit_memory", "/sys/devices/system/cpu"),
)  # fmt: skip
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a worker may take, and touch.

    Attributes:
        memory: bytes beyond what its parent had; None for no bound. The default is that of the
            largest disks.
        patience: processor seconds without a sign of life; None for no bound.
        processor: processor seconds in all; None for no bound.
        reads: files and folders of the host that it reads.
        writes: files and folders of the host that it reads and writes.
        keeps: file descriptors of its parent that stay open.
    """

    memory: int | None = _BASE + _PER_BYTE * _MOST_HIVES
    patience: float | None = PATIENCE
    processor: float | None = None
    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()
    keeps: tuple[int, ...] = ()

    @classmethod
    def of_disk(
        cls, size: int, *, reads: tuple[Path, ...] = (), writes: tuple[Path, ...] = ()
    ) -> Self:
        """Return what work on a disk of `size` bytes may take.

        A hive takes four times its size, and all hives together are no larger than the disk.
        """
        memory = _BASE + _PER_BYTE * min(size, _MOST_HIVES)
        return cls(memory, processor=_seconds(size), reads=reads, writes=writes)

    def as_wished(self) -> Self:
        """Return these limits with what the person has set in the environment.

        RESEAL_WORKER_MEMORY is in MiB, RESEAL_WORKER_PATIENCE in seconds; 0 means no bound.

        Raises:
            UsageError: one of them is no number.
        """
        wished = self
        memory, patience = _wish("MEMORY"), _wish("PATIENCE")
        if memory is not None:
            wished = replace(wished, memory=memory << 20 or None)
        if patience is not None:
            wished = replace(wished, patience=patience or None)
            if not patience:
                wished = replace(wished, processor=None)
        return wished


def _wish(what: str) -> int | None:
    name = f"RESEAL_WORKER_{what}"
    said = os.environ.get(name)
    if not said:
        return None
    if not (said.isascii() and said.isdigit() and len(said) < 10):
        raise UsageError(
            f"{name} is {said!r}, which is no number.", "Set a number, 0 for no bound."
        )
    return int(said)


def _seconds(size: int) -> float:
    """The most processor time that is honest: compressing a disk takes a second for some MiB."""
    return 3600 + size / (1 << 20)


_patience: float | None = None


def watch(patience: float | None) -> None:
    """Have the kernel end this process when it works for so long without a `heartbeat`."""
    global _patience  # noqa: PLW0603  one timer for a process
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    _patience = patience
    heartbeat()


def heartbeat() -> None:
    """Say that work goes on. In a process that nobody watches this does nothing.

    Called for every transfer from and to the image, and with every report.
    """
    if _patience is not None:
        # Processor time, so that a slow disk or a busy machine takes nothing off.
        signal.setitimer(signal.ITIMER_PROF, _patience)


def features() -> dict[str, int | bool]:
    """Say what this system offers: `landlock`, the version of its interface or 0, and `seccomp`."""
    return {"landlock": _landlock_version(), "seccomp": _seccomp_filter() is not None}


def hide_memory() -> None:
    """Keep this process's memory, and that of its forks, out of core files and from other processes.

    To be called before a secret is in it.
    """
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def limit(*, memory: int | None, processor: float | None) -> None:
    """Set the resource limits of this process.

    Args:
        memory: bytes that it may take in addition to what it has; None for no bound.
        processor: seconds of processor time that it may use in all; None for no bound.
    """
    _lower(resource.RLIMIT_CORE, 0)  # a core file would hold the image's secrets
    _lower(resource.RLIMIT_NOFILE, FILES)
    if memory is not None:
        used = Path("/proc/self/statm").read_bytes().split()
        page = resource.getpagesize()
        # Data is what counts; the address space bounds what is shared, and reserved by allocators.
        _lower(resource.RLIMIT_DATA, int(used[5]) * page + memory, _SPARE)
        _lower(resource.RLIMIT_AS, int(used[0]) * page + memory + _RESERVED, _SPARE)
    if processor is not None:
        _lower(
            resource.RLIMIT_CPU, int(processor) + 1, 60
        )  # SIGKILL follows a minute after SIGXCPU
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _lower(kind: int, wanted: int, spare: int = 0) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard - spare)
    resource.setrlimit(kind, (wanted, wanted + spare))


def use_spare_memory() -> None:
    """Let a process that has met its bound on memory say so."""
    for kind in (resource.RLIMIT_DATA, resource.RLIMIT_AS):
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (hard, hard))


def enter(*, reads: Iterable[Path] = (), writes: Iterable[Path] = ()) -> None:
    """Give up the network and all files but the named ones, for good.

    To be called in a process with a single thread.

    Args:
        reads: files, and folders with all that is below, that are only read.
        writes: files and folders that are read and written.
    """
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _restrict_files(reads, writes)
    _restrict_calls()


# Landlock (linux/landlock.h)

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _IOCTL = 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL
#: Rights on files that a version of the interface knows, the highest version first.
_RIGHTS = ((5, (1 << 16) - 1), (3, (1 << 15) - 1), (2, (1 << 14) - 1), (1, (1 << 13) - 1))
_TCP = 0b11  # binding and connecting
_SCOPES = 0b11  # abstract unix sockets and signals of others
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_ONLY = 1
_PATH_BENEATH = 1


@cache
def _landlock_version() -> int:
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, 0, _VERSION_ONLY)))


def _restrict_files(reads: Iterable[Path], writes: Iterable[Path]) -> None:
    version = _landlock_version()
    if not version:
        return
    rights = next(rights for least, rights in _RIGHTS if version >= least)
    handled = struct.pack("=QQQ", rights, _TCP, _SCOPES)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = _libc.syscall(_CREATE_RULESET, handled, ctypes.c_size_t(size), 0)
    if rules < 0:
        return
    try:
        for place in (*_PROGRAMS, *_CONFIGURATION, *_imported()):
            _allow(rules, place, (_EXECUTE | _READ_FILE | _READ_FOLDER) & rights)
        for device in _DEVICES:
            _allow(rules, device, (_READ_FILE | _WRITE_FILE | _TRUNCATE) & rights)
        for path in reads:
            _allow(rules, path, (_READ_FILE | _READ_FOLDER) & rights)
        for path in writes:
            _allow(rules, path, rights & ~_EXECUTE)
        _libc.syscall(_RESTRICT_SELF, rules, 0)
    finally:
        os.close(rules)


def _imported() -> Iterator[str]:
    """Yield where Python and its modules are, which may be loaded late, and where libraries are."""
    yield from (sys.prefix, sys.base_prefix, sys.exec_prefix, str(Path(__file__).parent))
    yield from (entry for entry in sys.path if entry)
    yield from (entry for entry in os.environ.get("LD_LIBRARY_PATH", "").split(":") if entry)


def _allow(rules: int, path: Path | str, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # what is not there needs no permission
        return
    try:
        if not os.path.isdir(path):  # noqa: PTH112  between fork and exec, so nothing is to be imported
            rights &= _OF_FILES
        rule = struct.pack("=Qi", rights, opened)
        _libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, rule, 0)
    finally:
        os.close(opened)


# seccomp (linux/seccomp.h, linux/filter.h, linux/audit.h)

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
_X32 = 0x40000000  # the numbers of a second set of system calls on x86-64

#: Its number in `struct seccomp_data`, of `socket`, and of the system calls that are refused.
_MACHINES = {
    "x86_64": (
        0xC000003E,
        41,
        (
            *(101, 310, 311, 312),  # ptrace, process_vm_readv and _writev, kcmp
            *(155, 161, 165, 166, 272, 308),  # pivot_root, chroot, mount, umount2, unshare, setns
            *(103, 135, 159, 163, 164, 167, 168, 169, 170, 171),  # syslog … setdomainname
            *(172, 173, 175, 176, 179, 227, 246, 305, 313, 320),  # iopl … kexec_file_load
            *(248, 249, 250, 298, 304, 321, 323),  # keys, perf, open_by_handle_at, bpf, userfaultfd
        ),
    ),
    "aarch64": (
        0xC00000B7,
        198,
        (
            *(117, 270, 271, 272),
            *(41, 51, 40, 39, 97, 268),
            *(116, 92, 171, 89, 170, 224, 225, 142, 161, 162),
            *(105, 106, 60, 112, 104, 266, 273, 294),
            *(217, 218, 219, 241, 265, 280, 282),
        ),
    ),
}
#: The same everywhere: io_uring (which opens sockets unseen), the new mount calls, pidfd_open and
#: pidfd_getfd, process_madvise, mount_setattr.
_REFUSED_ANYWHERE = (425, 426, 427, 428, 429, 430, 431, 432, 433, 434, 438, 440, 442)


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


@cache
def _seccomp_filter() -> bytes | None:
    """Return the program that judges each system call, None for a machine that is not known."""
    known = _MACHINES.get(os.uname().machine)
    if known is None or struct.calcsize("P") != 8:
        return None
    architecture, socket, refused = known
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _KILL),
    ]
    for number in (*refused, *_REFUSED_ANYWHERE):
        program += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSE | errno.EPERM)]
    program += [
        (_EQUAL, 1, 0, socket),
        (_RETURN, 0, 0, _ALLOW),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_EQUAL, 0, 1, 1),  # AF_UNIX
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE | errno.EACCES),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def _restrict_calls() -> None:
    program = _seccomp_filter()
    if program:
        judge = _Program(len(program) // 8, program)
        _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(judge), 0, 0)
