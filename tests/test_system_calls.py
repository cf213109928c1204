"""The system calls that a worker is refused, by the numbers that libseccomp knows for their names.

The filter is run as the kernel would, so that its table and its layout are judged alike.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from functools import cache
from types import SimpleNamespace

import pytest

from reseal.sandbox import seccomp

#: AUDIT_ARCH_… of linux/audit.h, which are libseccomp's own numbers of machines, too.
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
#: Where libseccomp's pseudo numbers begin: a machine lacks a call of this name.
ABSENT = -1
HIGHEST = 452

_NAMES = """
ptrace process_vm_readv process_vm_writev kcmp pivot_root chroot mount umount2 unshare setns
syslog quotactl acct settimeofday swapon swapoff reboot sethostname setdomainname iopl ioperm
init_module delete_module kexec_load kexec_file_load finit_module
clock_settime clock_adjtime adjtimex personality
add_key request_key keyctl perf_event_open open_by_handle_at bpf userfaultfd
io_uring_setup io_uring_enter io_uring_register open_tree move_mount fsopen fsconfig fsmount
fspick pidfd_open pidfd_getfd process_madvise mount_setattr
tkill setpriority ioprio_set sched_setparam sched_setscheduler sched_setaffinity sched_setattr
mknod mknodat fanotify_init fanotify_mark inotify_init inotify_init1 inotify_add_watch
chmod fchmod fchmodat chown fchown lchown fchownat utime utimes futimesat utimensat
setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr pidfd_send_signal connect
"""
REFUSED = frozenset(_NAMES.split())


@cache
def libseccomp() -> ctypes.CDLL:
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_syscall_resolve_name_arch.argtypes = [ctypes.c_uint32, ctypes.c_char_p]
    return library


def number_of(name: str, machine: str) -> int:
    """A system call's number; negative where a machine has none of this name."""
    return int(libseccomp().seccomp_syscall_resolve_name_arch(MACHINES[machine], name.encode()))


def program(machine: str, monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine=machine))
    seccomp.refusals.cache_clear()
    try:
        made = seccomp.refusals(programs=True)
    finally:
        monkeypatch.undo()
        seccomp.refusals.cache_clear()
    assert made is not None
    return made


def judged(code: bytes, number: int, architecture: int, first: int = 0) -> int:
    """What the kernel does with a system call (struct seccomp_data; classic BPF)."""
    data = struct.pack("<IIQ6Q", number, architecture, 0, first, 0, 0, 0, 0, 0)
    steps = list(struct.iter_unpack("=HBBI", code))
    place = accumulator = 0
    while True:
        kind, yes, no, value = steps[place]
        place += 1
        if kind == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif kind == 0x06:
            return int(value)
        elif kind == 0x05:
            place += value
        elif kind == 0x54:
            accumulator &= value
        else:
            compared = {0x15: accumulator == value, 0x25: accumulator > value,
                        0x35: accumulator >= value, 0x45: bool(accumulator & value)}  # fmt: skip
            place += yes if compared[kind] else no


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_libseccomp_resolves_names() -> None:
    assert number_of("socket", "x86_64") == 41
    assert number_of("socket", "aarch64") == 198
    assert number_of("iopl", "aarch64") <= ABSENT
    assert number_of("no_such_call", "x86_64") == ABSENT


def test_what_is_refused_has_the_numbers_of_these_names(
    machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = program(machine, monkeypatch)
    architecture = MACHINES[machine]
    expected = {one: number_of(one, machine) for one in REFUSED}
    for name, number in expected.items():
        if number > ABSENT:
            assert judged(code, number, architecture) == REFUSE | errno.EPERM, name
    assert sum(number > ABSENT for number in expected.values()) > 40


def test_no_other_call_is_refused_by_a_number_that_was_mistyped(
    machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = program(machine, monkeypatch)
    architecture = MACHINES[machine]
    refused = {number for number in range(HIGHEST) if judged(code, number, architecture) != ALLOW}
    expected = {number_of(one, machine) for one in REFUSED | {"socket", "clone3"}}
    assert refused == {one for one in expected if one > ABSENT}


@pytest.mark.parametrize(
    ("family", "verdict"),
    [
        (1, ALLOW),
        (2, REFUSE | errno.EACCES),
        (10, REFUSE | errno.EACCES),
        (17, REFUSE | errno.EACCES),
    ],
    ids=["AF_UNIX", "AF_INET", "AF_INET6", "AF_PACKET"],
)
def test_only_local_sockets_are_made(
    machine: str, family: int, verdict: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = program(machine, monkeypatch)
    assert judged(code, number_of("socket", machine), MACHINES[machine], family) == verdict


def test_the_calls_of_another_machine_end_the_process(
    machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = program(machine, monkeypatch)
    for other in {0x40000003, *MACHINES.values()} - {MACHINES[machine]}:
        assert judged(code, 0, other) == KILL
    assert judged(code, 0x40000000, MACHINES[machine]) == KILL  # x32
    for name in ("read", "write", "openat", "exit_group"):
        assert judged(code, number_of(name, machine), MACHINES[machine]) == ALLOW


def test_calls_that_are_newer_than_the_table_do_not_exist(
    machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = program(machine, monkeypatch)
    for number in (number_of("clone3", machine), HIGHEST, HIGHEST + 11, 700):
        assert judged(code, number, MACHINES[machine]) == REFUSE | errno.ENOSYS


# The list of what is allowed, on this machine


@pytest.fixture(params=[False, True], ids=["disk", "folder"])
def listed(request: pytest.FixtureRequest) -> tuple[bool, bytes]:
    if os.uname().machine not in MACHINES:
        pytest.skip("not for this processor")
    code = seccomp.allow_list(attributes=request.param)
    assert code is not None
    return request.param, code


def verdict(code: bytes, name: str, first: int = 0) -> int:
    machine = os.uname().machine
    return judged(code, number_of(name, machine), MACHINES[machine], first)


@pytest.mark.parametrize(
    "name",
    [
        *("execve", "execveat", "fork", "vfork", "mknodat", "unshare", "setns", "mount", "bpf"),
        *("ptrace", "setpriority", "fanotify_init", "io_uring_setup", "pidfd_open", "setuid"),
        *("listen", "bind", "accept4", "keyctl", "personality", "tkill", "sched_setaffinity"),
    ],
)
def test_what_no_worker_needs_is_not_on_the_list(listed: tuple[bool, bytes], name: str) -> None:
    if number_of(name, os.uname().machine) > ABSENT:
        assert verdict(listed[1], name) == REFUSE | errno.EPERM


@pytest.mark.parametrize(
    "name", ["fchmod", "fchmodat", "fchown", "utimensat", "setxattr", "fsetxattr", "getxattr"]
)
def test_only_work_on_files_of_the_host_changes_attributes(
    listed: tuple[bool, bytes], name: str
) -> None:
    attributes, code = listed
    assert (verdict(code, name) == ALLOW) is attributes


def test_a_worker_starts_threads_and_no_processes(listed: tuple[bool, bytes]) -> None:
    _, code = listed
    assert verdict(code, "clone", 0x3D0F00) == ALLOW
    for flags in (17, 0x10000000 | 17, 0x40000000 | 17, 0x4000 | 17):
        assert verdict(code, "clone", flags) == REFUSE | errno.EPERM
    assert verdict(code, "clone3") == REFUSE | errno.ENOSYS
    for family in (1, 2, 10, 16):
        assert verdict(code, "socket", family) == REFUSE | errno.EPERM
    assert verdict(code, "connect") == REFUSE | errno.EPERM
    assert verdict(code, "socketpair", 1) == ALLOW
