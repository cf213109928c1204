"""A worker: a forked process that dies with its parent and has few rights.

The engines parse hostile images in native code, so they run in a worker. It answers with JSON over a
pipe, never with pickle: a worker that an image has taken over can lie, but it can't make the parent run
code. `reseal.sandbox` limits what it may use and access.
"""

from __future__ import annotations

import contextlib
import errno
import faulthandler
import gc
import mmap
import os
import signal
import stat
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from reseal import sandbox
from reseal.errors import ImageError, ResealError, warn
from reseal.interruption import hold, temporary_folder
from reseal.messages import Channel, MessageError
from reseal.process import die_with_parent, signal_name
from reseal.sandbox import Limits

Report = Callable[[dict[str, Any]], None]


#: The result of entering the sandbox.
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}
#: What is wrong with this computer rather than with the image or with reseal.
_HOST = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_UNCHANGED = "the image was not changed"
#: Key of a report: the work is about to replace this file, and the worker may end before it says that it has.
REPLACING = "replacing"
#: The start of the note with a worker's traceback.
WORKER = "Traceback of the worker:"
_MAX_CAUSES = 20


def percents(report: Report, step: str) -> Callable[[int, int], None]:
    """Return a function that reports the bytes of a step that are done: each whole percent once.

    Args:
        report: gets `{"progress": step, "done": …, "total": …}`.
        step: the step.
    """
    last = -1

    def tell(done: int, total: int) -> None:
        nonlocal last
        if total and (percent := done * 100 // total) != last:
            last = percent
            report({"progress": step, "done": done, "total": total})

    return tell


class UnexpectedError(ResealError):
    """Unexpected error in the worker.

    Attributes:
        traceback: the worker's traceback, without messages.
    """

    def __init__(self, message: str, hint: str | None = None, *, traceback: str = "") -> None:
        super().__init__(message, hint)
        self.traceback = traceback


def in_worker(
    path: Path, work: Callable[[Report], Any], report: Report | None, limits: Limits | None = None
) -> dict[str, Any]:
    """Run it in a worker, and name the image in every error.

    Args:
        path: the image.
        work: what runs in the worker; gets a function that reports messages.
        report: gets the worker's messages; None to drop them.
        limits: what the worker may use; None for the defaults.

    Raises:
        ResealError: the work failed; the class is the worker's.
        ImageError: the worker sent an invalid answer.
    """
    try:
        result: dict[str, Any] = run_worker(
            work, subject=str(path), on_message=report, limits=limits
        )
    except ResealError as error:
        if path.name not in error.message:
            # In place, so that the class and all attributes stay.
            error.args = (f"{path}: {error.message}", *error.args[1:])
        raise
    if not isinstance(result, dict):  # from a worker that an image has taken over
        raise ImageError(
            f"the engine sent an invalid answer for {path}; the image was not changed."
        )
    return result


def run_worker(
    job: Callable[[Report], Any],
    *,
    subject: str,
    on_message: Report | None = None,
    limits: Limits | None = None,
) -> Any:
    """Run `job` in a forked process and return its result, which JSON must be able to hold.

    The worker has this process's memory, its standard output and error if they are pipes, and the open
    descriptors that its limits name. It dies with the calling thread. It has no network. Of the host's
    files it can access only programs, libraries, the files in its limits, and a folder for temporary
    files that is deleted when it ends.

    Args:
        job: called in the worker with a function that sends a dictionary to `on_message` here.
        subject: the image's path, for error messages.
        on_message: called here with each dictionary that the job reports.
        limits: its limits; None for the default. The environment overrides them.

    Raises:
        ResealError: the error that the job raised, with class, message and hint.
        ImageError: the worker crashed or reached a limit; the image is unchanged.
        UnexpectedError: the job raised something that is not a ResealError.
    """
    limits = (limits or Limits()).as_wished()
    with temporary_folder() as scratch:
        return _run_worker(job, subject, on_message, limits, scratch)


def _run_worker(
    job: Callable[[Report], Any],
    subject: str,
    on_message: Report | None,
    limits: Limits,
    scratch: Path,
) -> Any:
    sys.stdout.flush()
    sys.stderr.flush()
    sandbox.prepare()
    reader, writer = os.pipe()
    parent_pid = os.getpid()
    pid = os.fork()
    if pid == 0:
        _work(job, writer, parent_pid, limits, scratch)
    os.close(writer)
    channel = Channel(reader)
    state = _UNCHANGED
    try:
        while (final := channel.receive()) and "report" in final:
            if not isinstance(final["report"], dict):
                raise _babble(subject)
            if REPLACING in final["report"]:
                hold()
                state = f"{final['report'][REPLACING]} is either as it was or complete"
            elif on_message is not None:
                on_message(final["report"])
    except MessageError as error:
        raise _babble(subject) from error
    finally:
        channel.close()
        # It has sent its result, has crashed, or is no longer listened to. A process that has
        # crashed keeps its status.
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    _warn_once()
    if final is None:
        raise _crashed(os.waitstatus_to_exitcode(status), subject, limits, state)
    if "result" in final:
        return final["result"]
    if "limit" in final:
        raise _met_limit(str(final["limit"]), subject, limits, state)
    if "host" in final:
        raise ImageError(f"the work on {subject} failed ({final['host']}); {state}.")
    raise _carried_error(final, subject)


def _work(
    job: Callable[[Report], Any], writer: int, parent_pid: int, limits: Limits, scratch: Path
) -> NoReturn:
    """Run the job as the worker, send its outcome, and end without the parent's exit handlers."""
    code = 1
    try:
        die_with_parent(parent_pid)
        gc.freeze()  # what it inherits stays, and collecting it would copy its pages
        _leave_parent({writer, *limits.keeps})
        channel = Channel(writer)

        def send(message: dict[str, Any]) -> None:
            sandbox.heartbeat()
            channel.send(message)

        try:
            _settle(limits, scratch)
            send({"result": job(lambda message: send({"report": message}))})
        except ResealError as error:
            lineage, trace = list(_lineage(type(error))), frames(error)
            send({"error": lineage, "message": str(error), "hint": error.hint, "traceback": trace})
        except MemoryError:
            sandbox.use_spare_memory()
            send({"limit": "memory"})
        except BaseException as error:  # noqa: BLE001  # carried to the parent, which raises it
            if isinstance(error, OSError) and error.errno in _REFUSED:
                send({"limit": str(error.filename or "something outside")})
            elif isinstance(error, OSError) and error.errno in _HOST:
                send({"host": str(error).partition("] ")[2]})
            else:
                said = "".join(traceback.format_exception_only(error)).strip()
                send({"unexpected": said, "traceback": frames(error)})
        code = 0
    finally:
        os._exit(code)


def _leave_parent(keep: set[int]) -> None:
    """Release the parent's session, signals, terminal, locks and open files."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    faulthandler.disable()
    null = os.open(os.devnull, os.O_RDWR)
    # Replaced, not closed: the worker's own socket could get a freed number,
    # and then closed by an inherited object's finalizer.
    for entry in Path("/proc/self/fd").iterdir():
        opened = int(entry.name)
        kept = {null, *keep, *({2} if sandbox.trace.wished() else ())}
        if opened not in kept and not _is_pipe(opened):
            with contextlib.suppress(OSError):
                os.fstat(opened)  # the listing's own descriptor is gone
                os.dup2(null, opened, inheritable=False)


def _is_pipe(opened: int) -> bool:
    """Whether standard output or error is a pipe; a worker doesn't keep a terminal or a file."""
    with contextlib.suppress(OSError):
        return opened in {1, 2} and stat.S_ISFIFO(os.fstat(opened).st_mode)
    return False


def _settle(limits: Limits, scratch: Path) -> None:
    """Apply the limits permanently."""
    tempfile.tempdir = os.environ["TMPDIR"] = os.environ["SQLITE_TMPDIR"] = str(scratch)
    # numpy's linear algebra is not used, and its threads would wait in a loop for work.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    sandbox.limit(memory=limits.memory, processor=limits.processor)
    for layer in sandbox.enter(limits, scratch):
        _lacking[sandbox.LAYERS.index(layer)] = 1
    sandbox.watch(limits.patience)


#: Shared with every worker, which records missing layers here; the last byte: the user was warned.
_lacking = mmap.mmap(-1, len(sandbox.LAYERS) + 1)


def _warn_once() -> None:
    """Warn once per run about the layers of the sandbox that its workers lack."""
    found = [layer for number, layer in enumerate(sandbox.LAYERS) if _lacking[number]]
    if found and not _lacking[-1]:
        _lacking[-1] = 1
        warn(sandbox.missing(found))


def _babble(subject: str) -> ImageError:
    return ImageError(
        f"the engine sent an invalid message while working on {subject}; the image was not changed."
    )


_OVERRIDE = "The image is damaged or hostile. If you trust it, set {} in the environment."


def _crashed(code: int, subject: str, limits: Limits, state: str) -> ImageError:
    if code in {-signal.SIGPROF, -signal.SIGXCPU}:
        seconds = limits.patience if code == -signal.SIGPROF else limits.processor
        return ImageError(
            f"the engine worked for {seconds:.0f} seconds on {subject} and did not finish; {state}.",
            _OVERRIDE.format("RESEAL_WORKER_PATIENCE to more seconds, or to 0 for no limit,"),
        )
    how = f"crashed ({signal_name(-code)})" if code < 0 else f"ended early (exit code {code})"
    return ImageError(f"the engine {how} while working on {subject}; {state}.")


def _met_limit(what: str, subject: str, limits: Limits, state: str) -> ImageError:
    if what == "memory":
        allowed = f"{limits.memory >> 20} MiB" if limits.memory else "all"
        return ImageError(
            f"the engine needed more memory than its limit ({allowed}) while working on {subject};"
            f" {state}.",
            _OVERRIDE.format("RESEAL_WORKER_MEMORY to more MiB, or to 0 for no limit,"),
        )
    return ImageError(
        f"the engine was refused {what[:300]!r} while working on {subject}; {state}.",
        "It may only read and write the image and the files that the command names.",
    )


def frames(error: BaseException) -> str:
    """Return the traceback of an error and its causes, without messages, which may hold secrets."""
    parts: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(parts) < _MAX_CAUSES:
        stack = "".join(traceback.format_tb(cause.__traceback__))
        parts.append(f"{stack}{type(cause).__module__}.{type(cause).__qualname__}")
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\ncaused by\n".join(parts)


def _lineage(cls: type[ResealError]) -> Iterator[str]:
    """Return the names of a class and its bases below ResealError, nearest first."""
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
    """Build the error that the worker described, with a note of the worker's traceback."""
    error = _named_error(final, subject)
    error.add_note(f"{WORKER}\n{final.get('traceback', '')}")
    return error


def _named_error(final: dict[str, Any], subject: str) -> ResealError:
    """Build the error that the worker described, of the nearest class that is known here."""
    if "unexpected" in final:
        return UnexpectedError(
            f"an unexpected error while working on {subject}: {final['unexpected']}",
            "Run the command again with --debug, and report the bug with the log that it writes.",
            traceback=str(final.get("traceback", "")),
        )
    names, message, hint = (final.get(key) for key in ("error", "message", "hint"))
    if not isinstance(names, list) or not isinstance(message, str):
        return _babble(subject)
    known = _error_classes()
    cls = next((known[name] for name in names if isinstance(name, str) and name in known), None)
    if cls is None:
        return _babble(subject)
    found: ResealError = cls(message, hint if isinstance(hint, str) else None)
    return found
