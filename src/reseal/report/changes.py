"""What the texts of all runs that change an image have in common."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator

from reseal.operations import sizes
from reseal.operations.record import ChangeRecord, RunRecord

_WIDTH = 96


def listed(changes: list[ChangeRecord]) -> Iterator[str]:
    """Yield every change with the previous value."""
    for one in changes:
        yield f"  {one['provider']}: {one['kind'].replace('_', ' ')} {one['target']}"
        yield f"      {_state(one['before'])} → {_state(one['after'])} ({one['mark']})"


def counted(changes: list[ChangeRecord], by: str) -> Iterator[str]:
    """Yield how many changes there are, and how many of each provider or step.

    Args:
        changes: of a run.
        by: what made them, such as `provider`.
    """
    counts = Counter(one["provider"] for one in changes)
    yield f"{plural(len(changes), 'change')}, by {by}:"
    # A name stays on one line with its number.
    text = ", ".join(f"{name}\N{NO-BREAK SPACE}{count}" for name, count in counts.items())
    for line in wrapped(text, "  "):
        yield line.replace("\N{NO-BREAK SPACE}", " ")


def ending(
    record: RunRecord, *, dry_run: bool, done: str | None, written: Iterable[str] = ()
) -> Iterator[str]:
    """Yield the notes of a run and its outcome.

    Args:
        record: of the run.
        dry_run: whether nothing was written.
        done: the outcome of a run that wrote; None for none.
        written: lines before the outcome.
    """
    for note in record["notes"]:
        yield f"Note: {note}"
    yield from written
    seconds = f"({record['timings']['total']:.2f} s)"
    if dry_run:
        yield f"Dry run {seconds}: nothing was written."
    elif done:
        yield from space(record)
        yield f"{done} {seconds}."


def space(record: RunRecord) -> Iterator[str]:
    """Yield the size of the image's file before and after, if the run measured it."""
    if taken := record.get("space"):
        before, after = sizes.shown(taken["before"]), sizes.shown(taken["after"])
        yield f"The image takes {after} on this machine; before the run it took {before}."


def plural(count: int, word: str) -> str:
    """Return a number and its word: `1 change`, `2 changes`."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def wrapped(text: str, indent: str) -> list[str]:
    """Return a text in lines that fit a terminal; names are not broken."""
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _state(value: object) -> str:
    """Describe a value or file before or after a change, on one line."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return " ".join(map(str, value.values()))
    return str(value)
