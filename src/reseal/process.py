"""Child processes that die with their parent: tools, libraries and the engines' worker.

The engines parse hostile images in native code, so they run in a forked worker. What comes back
from it is JSON over a pipe, never pickle: a worker that an image has taken over can lie, but it
can't make the parent run anything. What it and the tools may take and touch, `reseal.sandbox` bounds.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import faulthandler
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import traceback
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from reseal import sandbox
from reseal.errors import EngineError, ImageError, ResealError
from reseal.sandbox import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Report = Callable[[dict[str, Any]], None]

#: The Debian and Ubuntu package of each program that reseal runs.
PACKAGES = {
    "qemu-img": "qemu-utils",
    "qemu-storage-daemon": "qemu-system-common",
    "mkntfs": "ntfs-3g",
    "mkfs.vfat": "dosfstools",
    "mcopy": "mtools",
}
#: Where Debian keeps the programs that make file systems; the path of a plain user lacks it.
_SBIN = ("/usr/sbin", "/sbin")
#: Messages are recognised by their words; mtools would refuse a volume without a disk's geometry.
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "MTOOLS_SKIP_CHECK": "1"}
#: The longest message that is taken from a worker, in bytes; a result is one message.
MAX_MESSAGE = 64 << 20

#: Memory that a tool may take: QEMU's caches are small, and so is what others need.
_TOOL_MEMORY = 4 << 30
#: Processor seconds of a tool: in any case, and for each MiB of the files that it works on.
_TOOL_SECONDS = 1800

_PR_SET_PDEATHSIG = 1  # linux/prctl.h

# Resolved here, since nothing may be looked up between fork and exec.
_prctl = ctypes.CDLL(None, use_errno=True).prctl
_prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
_prctl.restype = ctypes.c_int


class UnexpectedError(ResealError):
    """A worker met an error that nobody foresaw.

    Attributes:
        traceback: the worker's own traceback, as text.
    """

    def __init__(self, message: str, hint: str | None = None, *, traceback: str = "") -> None:
        super().__init__(message, hint)
        self.traceback = traceback


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
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=pass_fds,
            start_new_session=True,
            env=os.environ | _ENVIRONMENT | {"PATH": _path()},
            preexec_fn=become,  # noqa: PLW1509  # see die_with_parent
        )
    except (FileNotFoundError, PermissionError) as error:
        package = PACKAGES.get(argv[0])
        raise EngineError(
            f"{argv[0]} is not installed.",
            hint=f"Install the package {package} (apt install {package})." if package else None,
        ) from error


def _path() -> str:
    """Return where programs are looked for. An empty part would mean the folder that reseal runs in."""
    return os.pathsep.join([*filter(None, os.environ.get("PATH", "").split(os.pathsep)), *_SBIN])


def _become_tool(parent_pid: int, folders: Sequence[Path], processor: float) -> None:
    die_with_parent(parent_pid)
    with contextlib.suppress(OSError, ValueError):  # a bound that is tighter already
        sandbox.limit(memory=_TOOL_MEMORY, processor=processor)
    sandbox.enter(writes=folders)


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
        return f"{program} crashed ({_signal_name(-returncode)}). {said}".strip()
    return f"{program} failed: {said or f'exit code {returncode}'}"


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


def run_worker(
    job: Callable[[Report], Any],
    *,
    subject: str,
    on_message: Report | None = None,
    limits: Limits | None = None,
) -> Any:
    """Run `job` in a forked process and return its result, which JSON must be able to hold.

    The worker has this process's memory, standard output and error, and of what else is open here
    only what its limits name. It dies with the calling thread. It has no network, and of the host's
    files only programs, libraries, what its limits name, and a folder for temporary files that is
    deleted after it.

    Args:
        job: called in the worker with a function that sends a dictionary to `on_message` here.
        subject: what it works on, for the error messages: the image's path.
        on_message: called here with each dictionary that the job reports.
        limits: what it may take and touch, the default where None. The environment overrides them.

    Raises:
        ResealError: what the job raised, by class, message and hint.
        ImageError: the worker crashed or met a limit; nothing of what it did has reached the image.
        UnexpectedError: the job raised something that is not a ResealError.
    """
    limits = (limits or Limits()).as_wished()
    with tempfile.TemporaryDirectory(prefix="reseal-", ignore_cleanup_errors=True) as scratch:
        return _run_worker(job, subject, on_message, limits, Path(scratch))


def _run_worker(
    job: Callable[[Report], Any],
    subject: str,
    on_message: Report | None,
    limits: Limits,
    scratch: Path,
) -> Any:
    sys.stdout.flush()
    sys.stderr.flush()
    reader, writer = os.pipe()
    parent_pid = os.getpid()
    pid = os.fork()
    if pid == 0:
        _work(job, writer, parent_pid, limits, scratch)
    os.close(writer)
    final: dict[str, Any] | None = None
    try:
        for message in _messages(reader, subject):
            if "report" not in message:
                final = message
                break
            if on_message is not None:
                on_message(message["report"])
    finally:
        os.close(reader)
        # It has said its last word, has crashed, or nobody listens any more. The status of a
        # process that has already crashed stays what it is.
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    if final is None:
        raise _crashed(os.waitstatus_to_exitcode(status), subject, limits)
    if "result" in final:
        return final["result"]
    if "limit" in final:
        raise _met_limit(str(final["limit"]), subject, limits)
    raise _carried_error(final, subject)


def _work(
    job: Callable[[Report], Any], writer: int, parent_pid: int, limits: Limits, scratch: Path
) -> NoReturn:
    """Be the worker: run the job, send its outcome, and end without any of the parent's exits."""
    code = 1
    try:
        die_with_parent(parent_pid)
        _leave_parent({writer, *limits.keeps})
        _settle(limits, scratch)

        def send(message: dict[str, Any]) -> None:
            sandbox.heartbeat()
            data = memoryview(json.dumps(message).encode() + b"\n")
            while data:
                data = data[os.write(writer, data) :]

        try:
            send({"result": job(lambda message: send({"report": message}))})
        except ResealError as error:
            send({"error": list(_lineage(type(error))), "message": str(error), "hint": error.hint})
        except MemoryError:
            sandbox.use_spare_memory()
            send({"limit": "memory"})
        except PermissionError as error:
            send({"limit": str(error.filename or "something outside")})
        except BaseException as error:  # noqa: BLE001  # carried to the parent, which raises it
            said = "".join(traceback.format_exception_only(error)).strip()
            send({"unexpected": said, "traceback": traceback.format_exc()})
        code = 0
    finally:
        os._exit(code)


def _leave_parent(keep: set[int]) -> None:
    """Let go of what belongs to the parent: its session, signals, locks and open files."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    faulthandler.disable()
    null = os.open(os.devnull, os.O_RDWR)
    # Replaced, not closed: a number that was free again could be taken by the worker's own socket
    # and then closed by an inherited object's finalizer.
    for entry in Path("/proc/self/fd").iterdir():
        if (opened := int(entry.name)) not in {1, 2, null} | keep:
            with contextlib.suppress(OSError):
                os.fstat(opened)  # the listing's own descriptor is gone
                os.dup2(null, opened, inheritable=False)


def _settle(limits: Limits, scratch: Path) -> None:
    """Take the limits on, for good."""
    tempfile.tempdir = os.environ["TMPDIR"] = os.environ["SQLITE_TMPDIR"] = str(scratch)
    sandbox.limit(memory=limits.memory, processor=limits.processor)
    sandbox.enter(reads=limits.reads, writes=(*limits.writes, scratch))
    sandbox.watch(limits.patience)


def _messages(reader: int, subject: str) -> Iterator[dict[str, Any]]:
    pending = bytearray()
    while chunk := os.read(reader, 1 << 16):
        pending += chunk
        if b"\n" in chunk:
            *lines, rest = bytes(pending).split(b"\n")
            pending = bytearray(rest)
            for line in lines:
                yield _message(line, subject)
        if len(pending) > MAX_MESSAGE:
            raise _babble(subject)


def _message(line: bytes, subject: str) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _babble(subject) from error
    if not isinstance(message, dict) or not isinstance(message.get("report", {}), dict):
        raise _babble(subject)
    return message


def _babble(subject: str) -> ImageError:
    return ImageError(
        f"the engine sent something that can't be understood while working on {subject};"
        " the image was not changed."
    )


_OVERRIDE = (
    "The image is damaged, or was made to do this. If you trust it, set {} in the environment."
)


def _crashed(code: int, subject: str, limits: Limits) -> ImageError:
    if code in {-signal.SIGPROF, -signal.SIGXCPU}:
        seconds = limits.patience if code == -signal.SIGPROF else limits.processor
        return ImageError(
            f"the engine worked for {seconds:.0f} seconds on {subject} and came to no end; the image"
            " was not changed.",
            _OVERRIDE.format("RESEAL_WORKER_PATIENCE to more seconds, or to 0 for no bound,"),
        )
    how = f"crashed ({_signal_name(-code)})" if code < 0 else f"ended early (exit code {code})"
    return ImageError(f"the engine {how} while working on {subject}; the image was not changed.")


def _met_limit(what: str, subject: str, limits: Limits) -> ImageError:
    if what == "memory":
        allowed = f"{limits.memory >> 20} MiB" if limits.memory else "all"
        return ImageError(
            f"the engine needed more memory than it may take ({allowed}) while working on {subject};"
            " the image was not changed.",
            _OVERRIDE.format("RESEAL_WORKER_MEMORY to more MiB, or to 0 for no bound,"),
        )
    return ImageError(
        f"the engine was refused {what[:300]!r} while working on {subject}; the image was not changed.",
        "It may read and write nothing but the image and what the command names.",
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _lineage(cls: type[ResealError]) -> Iterator[str]:
    """Name a class and its bases within ResealError, nearest first."""
    for base in cls.__mro__:
        if issubclass(base, ResealError):
            yield f"{base.__module__}.{base.__qualname__}"


def _error_classes(roots: Iterable[type[ResealError]] = (ResealError,)) -> dict[str, Any]:
    classes: dict[str, Any] = {}
    for cls in roots:
        classes[f"{cls.__module__}.{cls.__qualname__}"] = cls
        classes |= _error_classes(cls.__subclasses__())
    return classes


def _carried_error(final: dict[str, Any], subject: str) -> ResealError:
    """Build the error that the worker described, of the nearest class that is known here."""
    if "unexpected" in final:
        return UnexpectedError(
            f"an unexpected error while working on {subject}: {final['unexpected']}",
            traceback=str(final.get("traceback", "")),
        )
    names, message, hint = (final.get(key) for key in ("error", "message", "hint"))
    if not isinstance(names, list) or not isinstance(message, str):
        return _babble(subject)
    known = _error_classes()
    cls = next((known[name] for name in names if isinstance(name, str) and name in known), None)
    if cls is None:
        return _babble(subject)
    error: ResealError = cls(message, hint if isinstance(hint, str) else None)
    return error
