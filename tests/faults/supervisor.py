"""Run something, and make one of its system calls fail, in whichever of its processes.

A seccomp filter sends every call that changes a file to this process, which lets it go on or not. So
the faults hit what really reaches the kernel: reseal's own calls, those of its worker, and those of
QEMU's programs alike.

Sources: seccomp_unotify(2), pidfd_getfd(2), documented.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import select
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4


class Call(NamedTuple):
    """A system call: its numbers on x86-64 and arm64, and where its arguments name what it changes."""

    name: str
    numbers: tuple[int, int]
    fd: int | None = None
    path: int | None = None
    at: int | None = None  # the argument with the folder that the path starts from


CALLS = (
    Call("write", (1, 64), fd=0),
    Call("pwrite", (18, 68), fd=0),
    Call("writev", (20, 66), fd=0),
    Call("pwritev", (296, 70), fd=0),
    Call("pwritev2", (328, 287), fd=0),
    Call("copy_file_range", (326, 285), fd=2),
    Call("sendfile", (40, 71), fd=0),
    Call("fallocate", (285, 47), fd=0),
    Call("ftruncate", (77, 46), fd=0),
    Call("fsync", (74, 82), fd=0),
    Call("fdatasync", (75, 83), fd=0),
    Call("syncfs", (306, 267), fd=0),
    Call("fchmod", (91, 52), fd=0),
    Call("truncate", (76, 45), path=0),
    Call("rename", (82, -1), path=1),
    Call("renameat", (264, 38), path=3, at=2),
    Call("renameat2", (316, 276), path=3, at=2),
    Call("unlink", (87, -1), path=0),
    Call("unlinkat", (263, 35), path=1, at=0),
    Call("rmdir", (84, -1), path=0),
    Call("mkdir", (83, -1), path=0),
    Call("mkdirat", (258, 34), path=1, at=0),
    Call("link", (86, -1), path=1),
    Call("linkat", (265, 37), path=3, at=2),
    Call("symlink", (88, -1), path=1),
    Call("symlinkat", (266, 36), path=2, at=1),
    Call("openat", (257, 56), path=1, at=0),  # that create or empty a file
    Call("chmod", (90, -1), path=0),
    Call("fchmodat", (268, 53), path=1, at=0),
    Call("fchown", (93, 55), fd=0),
    Call("utimensat", (280, 88), path=1, at=0),
    Call("setxattr", (188, 5), path=0),
    Call("fsetxattr", (190, 7), fd=0),
    Call("sendmsg", (46, 211), fd=0),  # only where the device is `SERVER`
)
#: A device behind a server: what qemu-img sends to it counts.
SERVER = Path("server")
_OWN = 900
_WRITES = {"write", "pwrite", "pwritev"}
#: Where these calls have the name that a file had before.
_FROM = {
    "rename": (None, 0),
    "renameat": (0, 1),
    "renameat2": (0, 1),
    "link": (None, 0),
    "linkat": (0, 1),
}
#: O_CREAT, O_TRUNC and the bit of O_TMPFILE (asm-generic/fcntl.h): an open that changes a file.
_CREATING = 0o100 | 0o1000 | 0o20000000
#: What ends a command and lets it clean up.
SIGNALS = {"TERM": signal.SIGTERM, "HUP": signal.SIGHUP, "INT": signal.SIGINT}
_ERRORS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC}

_MACHINE = {"x86_64": 0, "aarch64": 1}.get(platform.machine())
_BY_NUMBER = {call.numbers[_MACHINE]: call for call in CALLS} if _MACHINE is not None else {}
_SECCOMP = (317, 277)
_PIDFD_GETFD = 438

_RECEIVE, _SEND = 0xC0502100, 0xC0182101  # SECCOMP_IOCTL_NOTIF_*, linux/seccomp.h
_CONTINUE = 1


def available() -> bool:
    """Whether this system can do it."""
    actions = Path("/proc/sys/kernel/seccomp/actions_avail")
    return _MACHINE is not None and actions.exists() and "user_notif" in actions.read_text()


class Fault(NamedTuple):
    """What is to happen: at which of the calls (from 0), and what.

    `EIO` and `ENOSPC` make the call fail, `short` lets half of a write through, `kill` kills the
    process that was started, which takes its children with it, and `crash` the one that made the call.
    `orphan` kills the process that was started alone, and lets the call through. `TERM`, `HUP` and `INT`
    send that signal to the process that was started, and let the call through; `TERM caller` and so on send
    it to the one that made the call.
    """

    number: int
    kind: str


@dataclass
class Outcome:
    """What became of a run.

    Attributes:
        code: what it returned; None where it was killed.
        calls: those that a fault could have hit, in their order: name, file, process.
        hit: the call that was hit, None where none was.
    """

    code: int | None = None
    calls: list[str] = field(default_factory=list)
    hit: str | None = None


def kinds(call: str) -> tuple[str, ...]:
    """Return what can happen at a call."""
    name, _, process = call.split(" ")
    found = ["EIO", "ENOSPC"]
    if name in _WRITES:
        found.append("short")
    if process != "reseal":
        found.append("crash")
    if process != "reseal" and not call.endswith(" disk worker"):
        found += [f"{one} caller" for one in SIGNALS]
    if not call.endswith(" disk worker"):
        found += ["kill", *SIGNALS]
    return tuple(found)


def supervised(
    run: Callable[[], int],
    folder: Path,
    fault: Fault | None,
    before: Callable[[str, Path | None], None] = lambda _what, _old: None,
    device: Path | None = None,
) -> Outcome:
    """Run something in a process of its own, to its end and that of all its children.

    Args:
        run: returns the exit code.
        folder: calls that change what lies below count.
        fault: what is to happen.
        before: called before each call is let through, with its description, and for one that gives a
            file another name with the old one.
        device: a device whose writes count, too; `SERVER` for a network disk.
    """
    mine, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        mine.close()
        _be(run, theirs, sockets=device == SERVER)
    theirs.close()
    with mine:
        _, (listener,), _, _ = socket.recv_fds(mine, 1, 1)
    try:
        return _Supervisor(listener, child, folder, fault, before, device).watch()
    finally:
        os.close(listener)


def command(
    arguments: Sequence[str | Path], folder: Path, fault: Fault | None, device: Path | None = None
) -> Outcome:
    """Run a program as `supervised` does; what it changes below `folder` and on `device` counts."""

    def run() -> int:
        os.execv(arguments[0], [str(one) for one in arguments])

    return supervised(run, folder, fault, device=device)


def moments(calls: list[str], merging: str, count: int) -> list[int]:
    """Choose calls before the first that names `merging`, and as many from there on, evenly spread."""
    first = next(number for number, call in enumerate(calls) if merging in call)
    parts = range(first), range(first, len(calls))
    chosen = (count // 2, count - count // 2)
    return [
        part[len(part) * (2 * index + 1) // (2 * wanted)]
        for part, wanted in zip(parts, chosen, strict=True)
        for index in range(wanted)
    ]


def _be(run: Callable[[], int], answer: socket.socket, *, sockets: bool) -> None:
    code = 99
    try:
        os.setsid()
        quiet = os.open(os.devnull, os.O_RDWR)
        os.dup2(quiet, 1)
        # A number that no other socket gets: what is sent through it is not asked for.
        own = fcntl.fcntl(answer, fcntl.F_DUPFD_CLOEXEC, _OWN)
        numbers = [
            number
            for number, call in _BY_NUMBER.items()
            if number >= 0 and (sockets or call.name != "sendmsg")
        ]
        program = [(0x20, 0, 0, 0)]  # load the number
        for number in numbers:
            ask = [(0x06, 0, 0, 0x7FC00000)]  # SECCOMP_RET_USER_NOTIF
            if _BY_NUMBER[number].name == "openat":  # load the flags, and look at them
                ask = [(0x20, 0, 0, 32), (0x45, 0, 1, _CREATING), *ask, (0x06, 0, 0, 0x7FFF0000)]
            if _BY_NUMBER[number].name == "sendmsg":  # load the descriptor
                ask = [(0x20, 0, 0, 16), (0x15, 1, 0, own), *ask, (0x06, 0, 0, 0x7FFF0000)]
            program += [(0x15, 0, len(ask), number), *ask]
        program.append((0x06, 0, 0, 0x7FFF0000))
        raw = b"".join(struct.pack("=HBBI", *one) for one in program)
        buffer = ctypes.create_string_buffer(raw)
        head = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
        _libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
        listener = _libc.syscall(_SECCOMP[_MACHINE or 0], 1, ctypes.c_ulong(8), head)
        with socket.socket(fileno=own) as through:
            socket.send_fds(through, [b"x"], [listener])
        os.close(listener)
        answer.close()
        code = run()
    except BaseException:  # noqa: BLE001  said on standard error
        traceback.print_exc(file=sys.stderr)
    finally:
        sys.stderr.flush()
        os._exit(code)


class _Supervisor:
    def __init__(
        self,
        listener: int,
        child: int,
        folder: Path,
        fault: Fault | None,
        before: Callable[[str, Path | None], None],
        device: Path | None,
    ) -> None:
        self._listener, self._child = listener, child
        self._device = str(device)
        self._folder, self._before = str(folder), before
        self._fault = fault
        self._outcome = Outcome()
        self._names: dict[int, str] = {}

    def watch(self) -> Outcome:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        while True:
            ((_, events),) = poll.poll(60_000) or [(0, 0)]
            if not events:
                os.kill(self._child, signal.SIGKILL)
                raise TimeoutError(f"nothing happens any more after {self._outcome}")
            if events & select.POLLIN:
                self._answer()
            elif events & select.POLLHUP:  # nobody is left
                break
        _, status = os.waitpid(self._child, 0)
        code = os.waitstatus_to_exitcode(status)
        self._outcome.code = code if code >= 0 else None
        return self._outcome

    def _answer(self) -> None:
        notice = bytearray(80)
        try:
            fcntl.ioctl(self._listener, _RECEIVE, notice)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.EINTR}:  # it was killed meanwhile
                return
            raise
        ident, pid, _, number, _, _, *arguments = struct.unpack("=QIIiIQ6Q", notice)
        value, number_of_error, flags = 0, 0, _CONTINUE
        call = _BY_NUMBER[number]
        try:
            what = self._described(call, pid, arguments)
        except OSError:
            what = None
        if what is not None:
            self._before(what, self._old_name(call, pid, arguments))
            self._outcome.calls.append(what)
            if self._fault and self._fault.number == len(self._outcome.calls) - 1:
                self._outcome.hit = f"{self._fault.kind} at {what}"
                value, number_of_error, flags = self._strike(call, pid, arguments)
        with suppress(FileNotFoundError):  # it was killed meanwhile
            fcntl.ioctl(
                self._listener, _SEND, struct.pack("=QqiI", ident, value, number_of_error, flags)
            )

    def _described(self, call: Call, pid: int, arguments: list[int]) -> str | None:
        if call.fd is not None:
            path = str(Path(f"/proc/{pid}/fd/{arguments[call.fd] & 0xFFFFFFFF}").readlink())
        else:
            assert call.path is not None
            start = arguments[call.at] if call.at is not None else None
            path = _named(pid, start, arguments[call.path])
        if self._device == str(SERVER) and path.startswith("socket:"):
            process = self._process(pid)
            return f"{call.name} /device {process}" if process == "qemu-img" else None
        if path == self._device:
            return f"{call.name} /device {self._process(pid)}"
        if not path.startswith(self._folder):
            return None
        shown = path[len(self._folder) :].replace(" ", "_")
        return f"{call.name} {shown or '/'} {self._process(pid)}"

    def _old_name(self, call: Call, pid: int, arguments: list[int]) -> Path | None:
        if call.name not in _FROM:
            return None
        at, name = _FROM[call.name]
        path = _named(pid, None if at is None else arguments[at], arguments[name])
        return Path(path.replace("/proc/self/", f"/proc/{pid}/"))

    def _process(self, pid: int) -> str:
        if pid not in self._names:
            group = _group(pid)
            name = Path(f"/proc/{group}/cmdline").read_bytes().split(b"\0")[0].rpartition(b"/")[2]
            ours = "reseal" if group == self._child else "worker"
            self._names[pid] = name.decode() if name.startswith(b"qemu") else ours
            if not name.startswith(b"qemu") and group != self._child:
                return self._names.pop(pid)  # it may yet become a tool
        return self._names[pid]

    def _strike(self, call: Call, pid: int, arguments: list[int]) -> tuple[int, int, int]:
        assert self._fault
        kind = self._fault.kind
        if kind in _ERRORS:
            return 0, -_ERRORS[kind], 0
        if kind == "orphan":
            os.kill(self._child, signal.SIGKILL)
            return 0, 0, _CONTINUE
        if (name := kind.removesuffix(" caller")) in SIGNALS:
            os.kill(self._child if name == kind else _group(pid), SIGNALS[name])
            return 0, 0, _CONTINUE
        if kind == "short":
            try:
                return _write_half(call, pid, arguments), 0, 0
            except OSError as error:  # of a file that was opened read-only
                return 0, -(error.errno or errno.EIO), 0
        victims = {_group(pid), self._child} if kind == "kill" else {_group(pid)}
        for victim in sorted(victims, key=lambda one: one != self._child):
            os.kill(victim, signal.SIGKILL)
        return 0, -errno.EINTR, 0


def _group(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("Tgid:"):
            return int(line.split()[1])
    raise ProcessLookupError


def _named(pid: int, start: int | None, address: int) -> str:
    """Return the absolute path that an argument means, from a folder's descriptor where it is relative."""
    path = os.fsdecode(_memory(pid, address, 4096).split(b"\0", 1)[0])
    if path.startswith("/"):
        return path
    where = "cwd" if start is None or start & 0xFFFFFFFF == 0xFFFFFF9C else f"fd/{start}"
    folder = Path(f"/proc/{pid}/{where}").readlink()
    return f"/proc/{pid}/fd/{path}" if folder.parts[-1] == "fd" else str(folder / path)


def _memory(pid: int, address: int, size: int) -> bytes:
    opened = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        end = (address | 4095) + 1  # the next page may not be there
        data = os.pread(opened, min(size, end - address), address)
        if len(data) < size and b"\0" not in data:
            with suppress(OSError):
                data += os.pread(opened, size - len(data), end)
        return data
    finally:
        os.close(opened)


def _write_half(call: Call, pid: int, arguments: list[int]) -> int:
    """Write the first half of what a call wants to write, and return its size."""
    fd, address, count, position, *_ = arguments
    if call.name == "pwritev":
        vector = _exactly(pid, address, count * 16)
        parts = [struct.unpack_from("=QQ", vector, index * 16) for index in range(count)]
    else:
        parts = [(address, count)]
    data = b"".join(_exactly(pid, start, size) for start, size in parts)
    half = data[: max(1, len(data) // 2)]
    pidfd = os.pidfd_open(_group(pid))
    copy = int(_libc.syscall(_PIDFD_GETFD, pidfd, ctypes.c_int(fd & 0xFFFFFFFF), 0))
    os.close(pidfd)
    if copy < 0:
        raise OSError(ctypes.get_errno(), "the file can't be reached")
    try:
        return os.write(copy, half) if call.name == "write" else os.pwrite(copy, half, position)
    finally:
        os.close(copy)


def _exactly(pid: int, address: int, size: int) -> bytes:
    opened = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(opened, size, address)
    finally:
        os.close(opened)
