"""The terminal: results on standard output, progress and errors on standard error."""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import click

from reseal.cli import debug, outputs
from reseal.errors import ResealError
from reseal.report import files


def print_json(content: object) -> None:
    """Print plain data, such as a record, as JSON."""
    text = json.dumps(content, indent=2, ensure_ascii=False)
    # JSON escapes what is below a space; a terminal acts on the other controls, too.
    for char in {one for one in text if not one.isprintable() and one != "\n"}:
        text = text.replace(char, json.dumps(char)[1:-1])
    sys.stdout.write(text + "\n")


def check_reports(paths: Iterable[Path] | None) -> None:
    """Raise UsageError where the record of a run can't be kept, before anything is changed."""
    for file in paths or ():
        files.check(file)
        render = partial(files.render, path=file)
        outputs.of_command().add(file, render, inputs=outputs.inputs())


def keep(record: Mapping[str, Any], paths: Iterable[Path] | None) -> None:
    """Keep the record of a run in each file, in the form that its suffix names.

    Raises:
        DiskError: something failed after the image was changed.
    """
    del paths  # known since `check_reports`
    outputs.of_command().publish(record)
    if failed := record.get("failed_afterwards"):
        from reseal.disk import DiskError  # noqa: PLC0415  only a failure needs it

        raise DiskError(failed["message"], failed["hint"])


def print_lines(lines: Iterator[str]) -> None:
    """Print lines of text; names from an image may hold anything, so controls are made visible."""
    for line in lines:
        click.echo(safe(line))


def safe(text: str) -> str:
    """Return text that a terminal can show: no control characters, no overridden directions.

    Every text that may come from an image goes through here on its way to a terminal.
    """
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return shown.encode("utf-8", "replace").decode("utf-8")


def safe_lines(text: str) -> str:
    """Return a message of several lines, each as `safe` shows it.

    All but the first are indented, so that a line break in a name can't forge a line of reseal's own.
    """
    return "\n  ".join(safe(line) for line in text.split("\n"))


@contextmanager
def errors(*, as_json: bool) -> Iterator[None]:
    """Show an error as a sentence with its hint, and end with its exit code."""
    try:
        yield
    except ResealError as error:
        debug.show(error)
        if as_json:
            print_json(
                {
                    "result": "error",
                    "error": {
                        "message": error.message,
                        "hint": error.hint,
                        "exit_code": error.exit_code,
                    },
                }
            )
        color = False if os.environ.get("NO_COLOR") else None
        click.secho("Error: ", fg="red", bold=True, nl=False, err=True, color=color)
        click.echo(safe_lines(error.message), err=True)
        if error.hint:
            click.echo(f"What to do: {safe(error.hint)}", err=True)
        if error.image_changed:
            for path in outputs.of_command().publish():
                click.echo(f"Still written: {safe(path)}", err=True)
        raise SystemExit(error.exit_code) from None
    except BrokenPipeError:  # the reader of the output has left
        raise
    except OSError as error:
        _show_host_error(error)
        raise SystemExit(1) from None


def _show_host_error(error: OSError) -> None:
    """Report an OSError of this computer, usually that the output can't be written."""
    why = error.strerror or str(error)
    if error.filename:
        message = f"{why}: {error.filename}"
    elif error.errno == errno.ENOENT:  # what os.getcwd raises
        message = "the current folder does not exist any more. Change to another one."
    else:
        message = f"the output can't be written: {why}. Changes to an image are complete."
    with suppress(OSError):
        click.echo(f"Error: {safe(message)}", err=True)


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[dict[str, object]], None]]:
    """Show the steps of a run: a live line on a terminal, plain lines otherwise.

    A message with `step` begins another step; one with `progress`, `done` and `total` (bytes) says how
    far the step has come, which a terminal shows with its speed and the time left.
    """
    if quiet:
        yield _stage_quietly
        return
    if not sys.stderr.isatty():
        yield (
            lambda message: (
                click.echo(f"{safe(str(message['step']))} …", err=True)
                if not _stage(message) and "step" in message
                else None
            )
        )
        return
    from rich.console import Console  # noqa: PLC0415  only a terminal needs it
    from rich.status import Status  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    pace = Pace()
    with Status("Opening", console=Console(stderr=True)) as status:
        # Not markup: names of an image may be in it.
        yield (
            lambda message: (
                None if _stage(message) else status.update(Text(safe(pace.line(message))))
            )
        )


def _stage_quietly(message: Mapping[str, object]) -> None:
    _stage(message)


def _stage(message: Mapping[str, object]) -> bool:
    """Write the outputs of a command when the image is about to change."""
    from reseal.run.medium import FINISHING  # noqa: PLC0415  the run has loaded it

    record = message.get(FINISHING)
    if isinstance(record, dict):
        outputs.of_command().stage(record)
    return FINISHING in message


class Pace:
    """The speed of a step, as text."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._step = ""
        self._start = 0.0

    def line(self, message: dict[str, object]) -> str:
        """Return the line for a message of a run."""
        done, total = message.get("done"), message.get("total")
        if not isinstance(done, int) or not isinstance(total, int):
            return str(message.get("step", ""))
        step = str(message.get("progress", ""))
        if step != self._step:
            self._step, self._start = step, self._clock()
        elapsed = self._clock() - self._start
        text = f"{step}: {done >> 20} of {total >> 20} MiB"
        if elapsed > 0 and done:
            left = elapsed * (total - done) / done
            minutes, seconds = divmod(round(left), 60)
            text += f", {done / elapsed / (1 << 20):.0f} MiB/s, {minutes}:{seconds:02} left"
        return text
