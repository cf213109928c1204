"""The entry point of the `reseal` command; `--version` is answered without loading the rest."""

from __future__ import annotations

import os
import signal
import sys

from reseal import __version__
from reseal.interruption import holding, interrupt, settled

_FINISHES = (
    "\nThe changes are being merged into the image. reseal finishes this first; if it is killed, "
    "`reseal resume IMAGE` does.\n"
)


def main() -> None:
    """Run the command line."""
    _leave_current_folder()
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"reseal {__version__}\n")
        return
    stopped = _stop_as_ctrl_c_does()
    try:
        from reseal.cli import console  # noqa: PLC0415  it takes several times as long
        from reseal.cli.commands import reseal  # noqa: PLC0415

        with settled(), console.errors(as_json=False):
            reseal(prog_name="reseal")
    except KeyboardInterrupt:  # before the command has begun, or after it
        if holding():
            sys.stderr.write(
                "Interrupted too late: the run is complete, and the image is changed.\n"
            )
        sys.exit(130)
    finally:
        _flush()
        # Nothing is left to stop, and files are deleted at exit.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        # Replaces the exit code of Ctrl-C, after the cleanup.
        if stopped:
            sys.exit(128 + stopped[0])


def _flush() -> None:
    """Report a failure to write standard output, such as a full disk, as an error without a traceback."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        pass
    except OSError as error:
        sys.stderr.write(f"Error: the output can't be written: {error.strerror}.\n")
        with open(os.devnull, "w") as nothing:  # noqa: PTH123  Python flushes once more at exit
            os.dup2(nothing.fileno(), sys.stdout.fileno())
        sys.exit(1)


def _stop_as_ctrl_c_does() -> list[int]:
    """Let SIGTERM and SIGHUP clean up before they end the command; return the list of those received."""
    stopped: list[int] = []

    def stop(number: int, _: object) -> None:
        if not stopped:  # a second signal must not interrupt the cleanup
            stopped.append(number)
            interrupt()
            _say_waiting()

    def ctrl_c(*_: object) -> None:
        interrupt()
        _say_waiting()

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores it
            signal.signal(number, stop)
    if signal.getsignal(signal.SIGINT) == signal.default_int_handler:  # a shell's `&` ignores it
        signal.signal(signal.SIGINT, ctrl_c)
    return stopped


def _say_waiting() -> None:
    """Say that the image is being changed; this runs in a signal handler, where Python's files are locked."""
    if holding():
        os.write(2, _FINISHES.encode())


def _leave_current_folder() -> None:
    """Import nothing from the current folder, which may belong to an attacker.

    An empty or relative part of PYTHONPATH means that folder. Python has made it absolute already.
    """
    for part in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        if not os.path.isabs(part):  # noqa: PTH117  pathlib is not loaded yet
            try:
                absolute = os.path.abspath(part)  # noqa: PTH100
            except FileNotFoundError:  # the current folder was deleted
                absolute = part
            sys.path[:] = [entry for entry in sys.path if entry not in {part, absolute}]
