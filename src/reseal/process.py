"""Third-party programs, which die with their parent, and libraries.

`reseal.sandbox` limits what a program may use and access.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import errno
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from reseal import sandbox
from reseal.errors import EngineError, ImageError

#: The Debian and Ubuntu package of each program that reseal runs.
PACKAGES = {
    "qemu-img": "qemu-utils",
    "qemu-storage-daemon": "qemu-system-common",
    "mkntfs": "ntfs-3g",
    "mkfs.vfat": "dosfstools",
    "mcopy": "mtools",
}
#: The search path for programs if PATH is empty.
_BIN = ("/usr/local/bin", "/usr/bin", "/bin")
#: Debian's folders of the programs that make file systems; an ordinary user's PATH lacks them.
_SBIN = ("/usr/sbin", "/sbin")
#: English messages, because they are matched; mtools would refuse a volume without a disk's geometry.
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "MTOOLS_SKIP_CHECK": "1"}

#: The memory limit of a tool: QEMU's caches are small, and other tools need little.
_TOOL_MEMORY = 4 << 30
#: Processor seconds of a tool: a base, and more for each MiB of its files.
_TOOL_SECONDS = 1800

_PR_SET_PDEATHSIG = 1  # linux/prctl.h

# Resolved here, because nothing may be looked up between fork and exec.
_prctl = ctypes.CDLL(None, use_errno=True).prctl
_prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
_prctl.restype = ctypes.c_int


def die_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process as soon as its parent ends.

    Call it in a new child. The kernel's "parent" is the thread that forked, so start children from a
    thread that lives as long as they are needed.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:  # it ended before the line above
        os._exit(1)


def spawn(
    argv: Sequence[str],
    *,
    pass_fds: Sequence[int] = (),
    files: Iterable[Path] = (),
    bounded: bool = True,
    network: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a program that dies with this process, its output in pipes, without input.

    It gets its own session, so that Ctrl-C reaches only reseal, which then decides what to end. It may
    access the folders of the files in its arguments and the block devices there, and has no network.

    Args:
        argv: the program and its arguments.
        pass_fds: file descriptors that it inherits.
        files: further files that it opens.
        bounded: whether these limits apply; not for another reseal, which sets its own.
        network: whether it may use the network.

    Raises:
        EngineError: the program is not installed.
    """
    become: Callable[[], None] = partial(die_with_parent, os.getpid())
    if bounded:
        connects = any(node.get("type") == "unix" for node in _nodes(argv[1:]))
        become = partial(
            _become_tool, os.getpid(), *_bounds(argv, files), network=network, connects=connects
        )
    try:
        return subprocess.Popen(
            [find_program(argv[0]), *argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=pass_fds,
            start_new_session=True,
            env=os.environ | _ENVIRONMENT | {"PATH": _path()} | _safe_python(),
            # Tools get absolute paths; the current folder may be gone, or belong to an attacker.
            cwd="/" if bounded else None,
            preexec_fn=become,  # noqa: PLW1509  # see die_with_parent
        )
    except (FileNotFoundError, PermissionError) as error:
        package = PACKAGES.get(argv[0])
        raise EngineError(
            f"{argv[0]} is not installed.",
            hint=f"Install the package {package} (apt install {package})." if package else None,
        ) from error


def find_program(name: str) -> str:
    """Return the path of a program, never one in the current folder.

    Raises:
        FileNotFoundError: it is not installed.
    """
    if Path(name).is_absolute():
        return name
    found = shutil.which(name, path=_path())
    if found is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
    return found


def _path() -> str:
    """Return the search path without empty and relative parts, which mean the current folder."""
    named = [*filter(os.path.isabs, os.environ.get("PATH", "").split(os.pathsep))]
    return os.pathsep.join([*(named or _BIN), *_SBIN])


def _safe_python() -> dict[str, str]:
    """Return the variables that keep a Python from importing from the current folder."""
    named = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return {
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": os.pathsep.join(filter(os.path.isabs, named)),
    }


def _become_tool(
    parent_pid: int, folders: Sequence[Path], processor: float, *, network: bool, connects: bool
) -> None:
    die_with_parent(parent_pid)
    with contextlib.suppress(OSError, ValueError):  # already a tighter limit
        sandbox.limit(memory=_TOOL_MEMORY, processor=processor)
    sandbox.enter_tool(folders, network=network, connects=connects)


def _bounds(argv: Sequence[str], files: Iterable[Path]) -> tuple[list[Path], float]:
    """Return the folders that a tool needs, and its processor seconds."""
    named = {path.resolve() for path in (*files, *_named(argv[1:]))}
    size = sum(path.stat().st_size for path in named if path.is_file())
    # Of the folder with the host's devices, a tool gets the device alone.
    places = {path if path.is_block_device() else path.parent for path in named}
    return sorted(places), _TOOL_SECONDS + size / (1 << 20)


def _named(arguments: Iterable[str]) -> Iterator[Path]:
    """Yield the files in arguments: as paths, or in the description of a disk for QEMU."""
    arguments = list(arguments)
    for node in _nodes(arguments):
        if isinstance(node.get("filename"), str):
            yield Path(node["filename"])
    for argument in arguments:
        if not _describes(argument) and ("/" in argument or Path(argument[:255]).exists()):
            yield Path(argument)


def _describes(argument: str) -> bool:
    return argument.removeprefix("json:").startswith("{")


def _nodes(arguments: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield all parts of the descriptions of disks for QEMU in arguments."""
    pending = [json.loads(one.removeprefix("json:")) for one in arguments if _describes(one)]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            pending += node.values()
            yield node


def run_tool(
    argv: Sequence[str], *, pass_fds: Sequence[int] = (), files: Iterable[Path] = ()
) -> str:
    """Run a program and return its standard output.

    Args:
        argv: the program and its arguments.
        pass_fds: file descriptors that it inherits, for `/proc/self/fd/N` in its arguments.
        files: further files that it opens.

    Raises:
        EngineError: the program is not installed.
        ImageError: it failed; the message quotes it.
    """
    with spawn(argv, pass_fds=pass_fds, files=files) as process:
        try:
            output, errors = process.communicate()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise ImageError(tool_message(argv[0], process.returncode, errors))
    return output.decode(errors="replace")


def tool_message(program: str, returncode: int, errors: bytes) -> str:
    """Return one line on why a program failed, with its own message if it printed one.

    Args:
        program: name of the program.
        returncode: its exit code; negative for the signal that ended it.
        errors: what it wrote to standard error.
    """
    lines = errors.decode(errors="replace").splitlines()
    said = "; ".join(line.removeprefix(f"{program}: ") for line in lines if line.strip())
    if returncode == -signal.SIGXCPU:
        return f"{program} exceeded its limit of processor time. {said}".strip()
    if returncode < 0:
        return f"{program} crashed ({signal_name(-returncode)}). {said}".strip()
    return f"{program} failed: {said or f'exit code {returncode}'}"


def signal_name(number: int) -> str:
    """Return the name of a signal."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def load_library(sonames: Sequence[str], package: str) -> ctypes.CDLL:
    """Load a shared library by the first of `sonames` that is installed.

    A system with another version of the library is tried last, through the linker's cache.

    Args:
        sonames: such as `libnbd.so.0`, best first.
        package: the Debian package to install.

    Raises:
        EngineError: none is installed.
    """
    for soname in _candidates(sonames):
        with contextlib.suppress(OSError):
            return ctypes.CDLL(soname, use_errno=True)
    raise EngineError(
        f"the library {sonames[0]} is not installed.",
        hint=f"Install the package {package} (apt install {package}).",
    )


def _candidates(sonames: Sequence[str]) -> Iterator[str]:
    yield from sonames
    stem = re.match(r"lib(.+?)\.so", sonames[0])
    found = ctypes.util.find_library(stem.group(1)) if stem else None
    if found:
        yield found
