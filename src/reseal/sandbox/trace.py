"""RESEAL_SANDBOX_TRACE=1: write the system calls of a worker that the allow list refuses.

A separate process receives each call that would be refused, writes it to standard error, and lets it fail
as usual.

Source: seccomp_unotify(2), documented.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import select
import socket
import struct

from reseal.sandbox import seccomp

_RECEIVE, _SEND = 0xC0502100, 0xC0182101  # SECCOMP_IOCTL_NOTIF_*, linux/seccomp.h


def wished() -> bool:
    """Whether refused calls are to be shown."""
    return os.environ.get("RESEAL_SANDBOX_TRACE") not in {None, "", "0"}


def install(program: bytes) -> bool:
    """Install a filter as `seccomp.install` does, and have its refusals written."""
    mine, theirs = socket.socketpair()
    worker = os.getpid()
    if os.fork() == 0:
        try:
            mine.close()
            _watch(theirs, worker)
        finally:
            os._exit(0)
    theirs.close()
    with mine:
        listener = seccomp.install_asking(program)
        if listener < 0:
            return False
        socket.send_fds(mine, [b"x"], [listener])
        os.close(listener)
    return True


def _watch(channel: socket.socket, worker: int) -> None:
    _, (listener,), _, _ = socket.recv_fds(channel, 1, 1)
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    while True:
        ((_, events),) = poll.poll()
        if not events & select.POLLIN:
            return
        notice = bytearray(80)
        try:
            fcntl.ioctl(listener, _RECEIVE, notice)
        except OSError:
            continue
        ident, _, _, number, _, _, *arguments = struct.unpack("=QIIiIQ6Q", notice)
        shown = ", ".join(f"{one:#x}" for one in arguments)
        os.write(2, f"sandbox: worker {worker}: refused {_name(number)}({shown})\n".encode())
        try:
            fcntl.ioctl(listener, _SEND, struct.pack("=QqiI", ident, 0, -errno.EPERM, 0))
        except OSError:  # it was killed meanwhile
            continue


def _name(number: int) -> str:
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_syscall_resolve_num_arch.restype = ctypes.c_char_p
    name = library.seccomp_syscall_resolve_num_arch(0, number)
    return f"{name.decode() if name else 'system call'} [{number}]"
