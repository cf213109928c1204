"""What a person sees: results on standard output, progress and errors on standard error."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from reseal.cli import debug
from reseal.errors import ResealError
from reseal.operations.operation import check_writable
from reseal.report import files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path


def print_json(record: Mapping[str, Any]) -> None:
    """Print a record as JSON."""
    json.dump(record, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def check_reports(paths: Iterable[Path] | None) -> None:
    """Raise UsageError where the record of a run can't be kept, before anything is changed."""
    for file in paths or ():
        check_writable(file)
        files.check(file)


def keep(record: Mapping[str, Any], paths: Iterable[Path] | None) -> None:
    """Keep the record of a run in each file, in the form that its suffix names."""
    for file in paths or ():
        files.write(record, file)


def print_lines(lines: Iterator[str]) -> None:
    """Print lines of text; names from an image may hold anything, so controls are made visible."""
    for line in lines:
        safe = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)
        click.echo(safe.encode("utf-8", "replace").decode("utf-8"))


@contextmanager
def errors(*, as_json: bool) -> Iterator[None]:
    """Show an error of reseal's as a sentence, with its hint and exit code."""
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
        click.echo(error.message, err=True)
        if error.hint:
            click.echo(f"What to do: {error.hint}", err=True)
        raise SystemExit(error.exit_code) from None


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[dict[str, object]], None]]:
    """Show the steps of a run: a live line on a terminal, plain lines otherwise.

    A message with `step` begins another step; one with `progress`, `done` and `total` (bytes) says how
    far the step has come, which a terminal shows with its speed and the time left.
    """
    if quiet:
        yield lambda _: None
        return
    if not sys.stderr.isatty():
        yield (
            lambda message: (
                click.echo(f"{message['step']} …", err=True) if ("step" in message) else None
            )
        )
        return
    from rich.console import Console  # noqa: PLC0415  only a terminal needs it
    from rich.status import Status  # noqa: PLC0415

    pace = Pace()
    with Status("Opening", console=Console(stderr=True)) as status:
        yield lambda message: status.update(pace.line(message))


class Pace:
    """How fast a step goes on, as a line of text."""

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
