"""Drop capabilities and root's user id, enter namespaces, and clean the environment.

The namespaces cost a worker about 0.7 ms of processor time (mount, network, IPC, host name, and a user
namespace unless this is root). bubblewrap would start a new Python for every worker, which takes 150 ms,
and a PID namespace needs two more forks; neither is used. `seccomp` refuses signals to other processes.

Sources: user_namespaces(7), mount_namespaces(7), mount_setattr(2), capabilities(7), documented.
"""

from __future__ import annotations

import ctypes
import os
import signal
import stat
import struct
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from reseal.sandbox.landlock import imported

_libc = ctypes.CDLL(None, use_errno=True)
_libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
_libc.syscall.restype = ctypes.c_long
_libc.mount.argtypes = [*[ctypes.c_char_p] * 3, ctypes.c_ulong, ctypes.c_char_p]

# linux/prctl.h
_PR_SET_PDEATHSIG = 1
_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _CLEAR_ALL = 24, 38, 47, 4
_LAST_CAPABILITY = 63
_CAPABILITY_VERSION = 0x20080522
#: CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_KILL, CAP_SETGID and CAP_SETUID: what it takes to have a process of
#: another user, to end it and to delete its files.
_TO_CHANGE_USER = 1 << 0 | 1 << 1 | 1 << 5 | 1 << 6 | 1 << 7
#: The user without rights ("nobody"; the kernel's overflowuid).
NOBODY = 65534

# linux/sched.h
_NEW_MOUNTS, _NEW_HOST_NAME, _NEW_IPC = 0x00020000, 0x04000000, 0x08000000
_NEW_USERS, _NEW_NETWORK = 0x10000000, 0x40000000

# linux/mount.h, linux/fcntl.h
_BIND, _RECURSIVE, _SLAVE = 4096, 16384, 1 << 19
_MOUNT_SETATTR, _ATTR_RDONLY, _AT_RECURSIVE, _AT_FDCWD = 442, 1, 0x8000, -100

#: Variables that stay: language, time zone, paths, and reseal's own settings.
_KEPT = ("LANG", "LANGUAGE", "TZ", "PATH", "TMPDIR", "SQLITE_TMPDIR", "LD_LIBRARY_PATH")
_KEPT_PREFIXES = ("LC_", "RESEAL_", "PYTHON", "PYTEST_")


def no_new_privileges() -> None:
    """Keep started programs from gaining rights through set-user-ID or file capabilities."""
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def hide_memory() -> None:
    """Keep this process's memory, and that of its forks, out of core files and from other processes.

    Call it before a secret is in memory.
    """
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


@cache
def why_root() -> str | None:
    """Return why a worker that root starts stays root although its work permits another user; or None.

    Modules are loaded late, so every user must be able to read them.
    """
    status = Path("/proc/self/status").read_text()
    effective = int(status.partition("CapEff:")[2].split()[0], 16)
    if effective & _TO_CHANGE_USER != _TO_CHANGE_USER:
        return "capabilities are missing"
    for place in imported():
        if os.path.exists(place) and not _is_open(Path(place)):  # noqa: PTH110  most are plain texts
            return f"other users can't read {place}"
    return None


def _is_open(path: Path) -> bool:
    """Whether every user may read a file or folder."""
    for way in {path, path.resolve()}:
        if not all(parent.stat().st_mode & stat.S_IXOTH for parent in way.parents):
            return False
    mode = path.stat().st_mode
    return bool(mode & stat.S_IROTH) and (not stat.S_ISDIR(mode) or bool(mode & stat.S_IXOTH))


def become_nobody(scratch: Path) -> bool:
    """Change from root to a user without rights, permanently; return whether that was done.

    Args:
        scratch: the folder for temporary files, which is given to that user.
    """
    if os.geteuid() != 0 or why_root() or not _is_open(scratch.parent):
        return False
    parent = os.getppid()
    try:
        os.chown(scratch, NOBODY, NOBODY)
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    except OSError:  # a user namespace without that user
        return False
    # The kernel forgets it when the user changes.
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    return True


def drop_bounding_set() -> None:
    """Drop all capabilities that started programs could gain; this takes a capability itself."""
    _libc.prctl(_PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    for number in range(_LAST_CAPABILITY + 1):
        if _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0):
            break  # no further capability exists, or dropping is not permitted


def drop_capabilities() -> bool:
    """Drop all capabilities permanently; return whether none is left."""
    header = struct.pack("=Ii", _CAPABILITY_VERSION, 0)
    return int(_libc.capset(header, bytes(24))) == 0


def separate(writes: Iterable[Path]) -> set[str]:
    """Enter new namespaces, in which only the named files and folders can be written.

    Call it in a process with a single thread.

    Returns:
        The active ones of `mount`, `network`, `ipc`, `host name` and `user`.
    """
    kinds = {
        "network": _NEW_NETWORK,
        "ipc": _NEW_IPC,
        "host name": _NEW_HOST_NAME,
        "mount": _NEW_MOUNTS,
    }
    together = sum(kinds.values())
    entered: set[str] = set()
    user, group = os.geteuid(), os.getegid()
    if _libc.unshare(together) == 0:
        entered = set(kinds)
    elif _libc.unshare(_NEW_USERS | together) == 0:
        entered = {*kinds, "user"}
        if not _map(user, group):
            return entered - {"mount"}
    if "mount" in entered and not _only_writable(writes):
        entered.discard("mount")
    return entered


def _map(user: int, group: int) -> bool:
    """Keep the user and group in a new user namespace."""
    hidden = _libc.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) == 0
    if hidden:  # the files below belong to root then
        _libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    except OSError:
        return False
    finally:
        if hidden:
            hide_memory()
    return True


def _only_writable(writes: Iterable[Path]) -> bool:
    """Make everything read-only in this mount namespace except the named files and folders."""
    # What is unmounted outside is unmounted here, too: a worker must not keep a removable disk busy.
    if _libc.mount(b"none", b"/", None, _RECURSIVE | _SLAVE, None):
        return False
    resolved = sorted({path.resolve() for path in writes if path.exists()})
    # A rename between two mounts is refused, so a folder inside another one gets no mount of its own.
    tops = [
        one for one in resolved if not any(one != up and one.is_relative_to(up) for up in resolved)
    ]
    for path in tops:
        name = os.fsencode(path)
        if _libc.mount(name, name, None, _BIND | _RECURSIVE, None):
            return False
    if not _set_read_only(b"/", on=True):
        return False
    return all(_set_read_only(os.fsencode(path), on=False) for path in tops)


def _set_read_only(path: bytes, *, on: bool) -> bool:
    attributes = struct.pack("=QQQQ", _ATTR_RDONLY if on else 0, 0 if on else _ATTR_RDONLY, 0, 0)
    done = _libc.syscall(
        _MOUNT_SETATTR,
        ctypes.c_int(_AT_FDCWD),
        path,
        ctypes.c_uint(_AT_RECURSIVE),
        attributes,
        ctypes.c_size_t(len(attributes)),
    )
    return int(done) == 0


def clean_environment() -> None:
    """Delete all variables except those that a worker needs, also from the memory of this process."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }
    os.environ.clear()
    try:
        # The kernel's copy on the stack, which /proc/self/environ shows.
        fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
        start, end = int(fields[47]), int(fields[48])
        if 0 < start < end:
            ctypes.memset(start, 0, end - start)
    except (OSError, ValueError, IndexError):
        pass
    os.environ.update(kept)
