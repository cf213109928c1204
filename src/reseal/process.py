"""Programs and libraries of others: children that die with their parent, and what is loaded.

What a program may take and touch, `reseal.sandbox` bounds.
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
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reseal import sandbox
from reseal.errors import EngineError, ImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

#: The Debian and Ubuntu package of each program that reseal runs.
PACKAGES = {
    "qemu-img": "qemu-utils",
    "qemu-storage-daemon": "qemu-system-common",
    "mkntfs": "ntfs-3g",
    "mkfs.vfat": "dosfstools",
    "mcopy": "mtools",
}
#: Where programs are looked for when PATH names no folder.
_BIN = ("/usr/local/bin", "/usr/bin", "/bin")
#: Where Debian keeps the programs that make file systems; the path of a plain user lacks it.
_SBIN = ("/usr/sbin", "/sbin")
#: Messages are recognised by their words; mtools would refuse a volume without a disk's geometry.
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "MTOOLS_SKIP_CHECK": "1"}

#: Memory that a tool may take: QEMU's caches are small, and so is what others need.
_TOOL_MEMORY = 4 << 30
#: Processor seconds of a tool: in any case, and for each MiB of the files that it works on.
_TOOL_SECONDS = 1800

_PR_SET_PDEATHSIG = 1  # linux/prctl.h

# Resolved here, since nothing may be looked up between fork and exec.
_prctl = ctypes.CDLL(None, use_errno=True).prctl
_prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
_prctl.restype = ctypes.c_int


def die_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process as soon as its parent ends.

    To be called in a new child. The kernel's "parent" is the thread that forked: children are to be
    started by a thread that lives as long as they are needed.
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
) -> subprocess.Popen[bytes]:
    """Start a program that dies with this process, its output in pipes, without input.

    It gets a session of its own: a Ctrl-C reaches reseal alone, which then decides what ends. It may
    touch the folders of the files that its arguments name, and no network.

    Args:
        argv: the program and its arguments.
        pass_fds: file descriptors that it inherits.
        files: what it opens although no argument names it.
        bounded: whether it is held to that; not for a reseal that bounds what it starts itself.

    Raises:
        EngineError: the program is not installed.
    """
    become: Callable[[], None] = partial(die_with_parent, os.getpid())
    if bounded:
        become = partial(_become_tool, os.getpid(), *_bounds(argv, files))
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
    """Return the path of a program, never one in the folder that reseal runs in.

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
    """Return where programs are looked for. An empty or relative part would mean the current folder."""
    named = [*filter(os.path.isabs, os.environ.get("PATH", "").split(os.pathsep))]
    return os.pathsep.join([*(named or _BIN), *_SBIN])


def _safe_python() -> dict[str, str]:
    """Return the variables that keep a Python from importing from the current folder."""
    named = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return {
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": os.pathsep.join(filter(os.path.isabs, named)),
    }


def _become_tool(parent_pid: int, folders: Sequence[Path], processor: float) -> None:
    die_with_parent(parent_pid)
    with contextlib.suppress(OSError, ValueError):  # a bound that is tighter already
        sandbox.limit(memory=_TOOL_MEMORY, processor=processor)
    sandbox.enter_tool(folders)


def _bounds(argv: Sequence[str], files: Iterable[Path]) -> tuple[list[Path], float]:
    """Return the folders that a tool needs, and its processor seconds."""
    named = {path.resolve() for path in (*files, *_named(argv[1:]))}
    size = sum(path.stat().st_size for path in named if path.is_file())
    return sorted({path.parent for path in named}), _TOOL_SECONDS + size / (1 << 20)


def _named(arguments: Iterable[str]) -> Iterator[Path]:
    """Yield the files that arguments name: as they are, or in a disk's description for QEMU."""
    for argument in arguments:
        description = argument.removeprefix("json:")
        if description.startswith("{"):
            pending = [json.loads(description)]
            while pending:
                node = pending.pop()
                if isinstance(node, dict):
                    pending += node.values()
                    if isinstance(node.get("filename"), str):
                        yield Path(node["filename"])
        elif "/" in argument or Path(argument[:255]).exists():
            yield Path(argument)


def run_tool(
    argv: Sequence[str], *, pass_fds: Sequence[int] = (), files: Iterable[Path] = ()
) -> str:
    """Run a program to its end and return what it wrote to standard output.

    Args:
        argv: the program and its arguments.
        pass_fds: file descriptors that it inherits, for `/proc/self/fd/N` in its arguments.
        files: what it opens although no argument names it.

    Raises:
        EngineError: the program is not installed.
        ImageError: it failed; the message is its own.
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
    """Say in one line why a program failed, in its own words where it left any."""
    lines = errors.decode(errors="replace").splitlines()
    said = "; ".join(line.removeprefix(f"{program}: ") for line in lines if line.strip())
    if returncode == -signal.SIGXCPU:
        return f"{program} took more processor time than it may. {said}".strip()
    if returncode < 0:
        return f"{program} crashed ({signal_name(-returncode)}). {said}".strip()
    return f"{program} failed: {said or f'exit code {returncode}'}"


def signal_name(number: int) -> str:
    """Return what a signal is called, for messages."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def load_library(sonames: Sequence[str], package: str) -> ctypes.CDLL:
    """Load a shared library by the first of `sonames` that is installed.

    A system with another version of the library is tried last, through the linker's cache.

    Args:
        sonames: such as `libnbd.so.0`, best first.
        package: the Debian package that a person has to install.

    Raises:
        EngineError: there is none.
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
