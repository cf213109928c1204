"""Landlock: of the host's files, only named ones, programs and libraries.

Linux 5.13 and later; truncation from 6.2, TCP from 6.7, ioctl from 6.10, signals and abstract sockets from
6.12. Landlock does not cover modes, owners, times and attributes of files: `seccomp` refuses to change
them.

Source: the kernel's userspace-api/landlock, documented.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

# Programs, libraries and the files that they read at start. Not /etc: it holds secrets.
_PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store")
_CONFIGURATION = (
    *("/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/localtime", "/etc/gnutls", "/etc/ssl/openssl.cnf"),
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/filesystems"),
    *("/proc/sys/vm/overcommit_memory", "/sys/devices/system/cpu"),
)  # fmt: skip
#: Folders that hold only installed packages.
_PACKAGES = {"site-packages", "dist-packages"}
#: Third-party modules that reseal may load late.
_NEEDED = {
    *("click", "jinja2", "lxml", "markupsafe", "numpy", "Cryptodome", "rich", "pygments"),
    *("markdown_it", "mdurl"),
}
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _IOCTL = 1 << 14, 1 << 15
#: Never granted: running written files, making devices, pipes and sockets, and controlling devices other
#: than block devices that are named.
_NEVER = _EXECUTE | 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11 | _IOCTL
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL
#: File rights by version of the interface, the highest version first.
_RIGHTS = ((5, (1 << 16) - 1), (3, (1 << 15) - 1), (2, (1 << 14) - 1), (1, (1 << 13) - 1))
_TCP = 0b11  # binding and connecting
_SCOPES = 0b11  # abstract unix sockets and signals of others
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_ONLY = 1
_PATH_BENEATH = 1


@cache
def version() -> int:
    """Return the version of the kernel's interface; 0 if it has none."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, 0, _VERSION_ONLY)))


def restrict(
    reads: Iterable[Path], writes: Iterable[Path], *, programs: bool, network: bool = False
) -> bool:
    """Drop access to all files except the named ones, permanently.

    Args:
        reads: files, and folders with all their content, that may be read.
        writes: files and folders that may be read and written.
        programs: whether programs may be started.
        network: whether TCP may be used.

    Returns:
        Whether it is in force.
    """
    found = version()
    if not found:
        return False
    rights = next(rights for least, rights in _RIGHTS if found >= least)
    handled = struct.pack("=QQQ", rights, 0 if network else _TCP, _SCOPES)
    size = 24 if found >= 6 else 16 if found >= 4 else 8
    rules = _libc.syscall(_CREATE_RULESET, handled, ctypes.c_size_t(size), 0)
    if rules < 0:
        return False
    run = _READ_FILE | _READ_FOLDER | (_EXECUTE if programs else 0)
    try:
        for place in (*_PROGRAMS, *_CONFIGURATION, *imported()):
            _allow(rules, place, run & rights)
        for device in _DEVICES:
            _allow(rules, device, (_READ_FILE | _WRITE_FILE | _TRUNCATE) & rights)
        for path in reads:
            _allow(rules, path, (_READ_FILE | _READ_FOLDER) & rights)
        for path in writes:
            # A block device is asked for its size and its sectors, and told to discard and to flush.
            control = _IOCTL if _is_block(path) else 0
            _allow(rules, path, rights & (~_NEVER | control))
        return int(_libc.syscall(_RESTRICT_SELF, rules, 0)) == 0
    finally:
        os.close(rules)


@cache
def imported() -> tuple[str, ...]:
    """Return the paths of Python modules and libraries that may be loaded late.

    An entry of `sys.path` may be a home folder: that of the script that imports reseal. From such a
    folder, only the loaded modules and those that reseal needs are allowed.
    """
    places = [sys.prefix, sys.base_prefix, sys.exec_prefix, str(Path(__file__).parents[1])]
    # Python caches the content of the entries, so a worker need not list them again.
    PathFinder.find_spec("reseal_is_not_called_like_this")
    loaded = {name.partition(".")[0] for name in sys.modules}
    for entry in map(Path, filter(os.path.isabs, sys.path)):
        if entry.name in _PACKAGES or entry.suffix == ".zip":
            places.append(str(entry))
        elif not any(entry.is_relative_to(place) for place in places):
            places += (str(found) for name in loaded | _NEEDED for found in _modules(entry, name))
    libraries = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    libraries += os.environ.get("LD_PRELOAD", "").replace(":", " ").split()
    return (*places, *filter(os.path.isabs, libraries))


def _modules(entry: Path, name: str) -> Iterator[Path]:
    for candidate in (entry / name, entry / f"{name}.py", entry / f"{name}.libs"):
        if candidate.exists():
            yield candidate


def _is_block(path: Path | str) -> bool:
    try:
        return stat.S_ISBLK(os.stat(path).st_mode)  # noqa: PTH116  between fork and exec
    except OSError:
        return False


def _allow(rules: int, path: Path | str, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # a missing path needs no permission
        return
    try:
        if not os.path.isdir(path):  # noqa: PTH112  between fork and exec, so nothing is to be imported
            rights &= _OF_FILES
        rule = struct.pack("=Qi", rights, opened)
        _libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, rule, 0)
    finally:
        os.close(opened)
