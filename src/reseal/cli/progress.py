"""The progress of a run: a live line on a terminal, plain lines otherwise."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from reseal.cli import terminal
from reseal.cli.outputs import stage
from reseal.cli.terminal import safe

#: Gets the messages of a run.
Show = Callable[[dict[str, object]], None]


@contextmanager
def progress(*, quiet: bool) -> Iterator[Show]:
    """Show the steps of a run.

    A message with `step` begins another step; one with `progress`, `done` and `total` (bytes) says how
    far the step has come, which a terminal shows with its speed and the time left.
    """
    if quiet:
        yield lambda message: _ignore(stage(message))
    elif not sys.stderr.isatty():
        yield _plainly
    else:
        with _bar() as show:
            yield lambda message: None if stage(message) else show(message)


def _ignore(_: object) -> None:
    """Return nothing."""


def _plainly(message: Mapping[str, object]) -> None:
    if not stage(message) and "step" in message:
        terminal.show(f"{message['step']} …", err=True)


@contextmanager
def _bar() -> Iterator[Show]:
    """Show a line that stays alive between messages: the step, how far it is, and how long it took."""
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn  # noqa: PLC0415
    from rich.progress import TimeElapsedColumn as Elapsed  # noqa: PLC0415  only a terminal needs it

    class Bar(BarColumn):
        """A bar of a step whose end is known."""

        def render(self, task: Any) -> Any:
            return "" if task.total is None else super().render(task)

    pace = Pace()
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}", markup=False), Bar(bar_width=20),
        TextColumn("{task.fields[pace]}", markup=False), Elapsed(),
        console=console(), transient=True,
    ) as bars:  # fmt: skip
        task = bars.add_task("Opening", total=None, pace="")

        def show(message: dict[str, object]) -> None:
            done, total = message.get("done"), message.get("total")
            if isinstance(done, int) and isinstance(total, int):
                step = safe(str(message.get("progress", "")))
                said = pace.text(step, done, total)
                bars.update(task, description=step, completed=done, total=total, pace=said)
            elif "step" in message:
                bars.reset(task, description=safe(str(message["step"])), total=None, pace="")

        yield show


def console() -> Any:
    """Return the console of rich on standard error, with colours as `terminal.coloured` says."""
    from rich.console import Console  # noqa: PLC0415  only a terminal needs it

    return Console(stderr=True, no_color=not terminal.coloured(sys.stderr), highlight=False)


class Pace:
    """The speed of a step, as text."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._step = ""
        self._start = 0.0

    def text(self, step: str, done: int, total: int) -> str:
        """Return how far a step is, how fast it is, and how long it still takes.

        Args:
            step: the step; another one starts the clock again.
            done: the bytes that are done.
            total: all bytes.
        """
        if step != self._step:
            self._step, self._start = step, self._clock()
        elapsed = self._clock() - self._start
        text = f"{done >> 20} of {total >> 20} MiB"
        if elapsed > 0 and done:
            left = elapsed * (total - done) / done
            minutes, seconds = divmod(round(left), 60)
            text += f", {done / elapsed / (1 << 20):.0f} MiB/s, {minutes}:{seconds:02} left"
        return text
