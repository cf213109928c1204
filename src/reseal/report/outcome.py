"""What a run shows: its result, then warnings with what to do, then at most ten lines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from reseal.operations import sizes

#: The length of every list, in entries, without --verbose.
MOST = 10
#: The width of a usual terminal.
_USUAL = 80
#: How many of what a finding sums up are named.
_ITEMS = 3
PROVED = "Proved: structure and state. Not proved: a boot (Windows did not run here)."


class Warned(NamedTuple):
    """A warning: what is wrong, and what to do about it."""

    message: str
    hint: str | None = None


# Complex: one condition for each part of the text.
def shown(
    record: Mapping[str, Any],
    done: Iterable[str],
    details: Iterable[str] = (),
    *,
    warnings: Iterable[Warned] = (),
    figures: Iterable[str] = (),
    listed: Iterable[str] = (),
    dry_run: bool = False,
    verbose: bool = False,
) -> Iterator[str]:
    """Yield the lines of a run.

    Args:
        record: the record of the run.
        done: the outcome, a line or a few. The first line of a dry run says that nothing was written.
        details: further lines; without `verbose` only the first of them are shown.
        warnings: warnings besides those of the record itself.
        figures: lines for the end, which a person misses least.
        listed: every change of the run; only shown with `verbose`.
        dry_run: whether nothing was written.
        verbose: whether everything is shown.
    """
    if dry_run:
        seconds = record["timings"]["total"]
        yield f"Dry run ({seconds:.2f} s): nothing was written to {record['image']['path']}."
    yield from done
    rehearsed = record.get("rehearsal")
    found = [*warnings, *of_record(record)]
    yield from warned(found, verbose=verbose)
    further = [*details, *_notes(record), *figures]
    if rehearsed and rehearsed["verdict"] != _STOPS:
        further.insert(0, f"Rehearsal: {rehearsed['statement']}")
    yield from short(further, verbose=verbose)
    if verbose:
        yield from listed


_STOPS = "would stop"


def of_record(record: Mapping[str, Any]) -> Iterator[Warned]:
    """Yield the warnings of a record: those of the run itself, of its checks, and of its rehearsal."""
    rehearsed = record.get("rehearsal")
    if rehearsed and rehearsed["verdict"] == _STOPS:
        cures = (one.get("cure") for one in rehearsed["stages"] if one["result"] == _STOPS)
        cure = next(filter(None, cures), "`reseal rehearse IMAGE` shows every stage.")
        cure = f"Run `{cure}`." if cure.startswith("reseal ") else cure
        yield Warned(f"Rehearsal: {rehearsed['statement']}", cure)
    hints = record.get("hints", {})
    for text in record.get("warnings", ()):
        yield Warned(text, hints.get(text))
    for one in record.get("checks", ()):
        if one["level"] == "warning":
            yield Warned(with_items(one), one["hint"])


def with_items(finding: Mapping[str, Any]) -> str:
    """Return the message of a finding, with the first of what it sums up unless it names them itself."""
    message, items = str(finding["message"]), finding.get("items", ())
    if not items or any(one in message for one in items):
        return message
    return f"{message.removesuffix('.')}: {some(items, _ITEMS)}."


def warned(warnings: Iterable[Warned], *, verbose: bool = False) -> Iterator[str]:
    """Yield the lines of warnings, each once, with what to do."""
    each = list(dict.fromkeys(warnings))
    for one in each if verbose else each[:MOST]:
        yield f"Warning: {one.message}"
        if one.hint:
            yield f"  What to do: {one.hint}"
    if not verbose and len(each) > MOST:
        yield more(len(each) - MOST, "warning")


def _notes(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the notes of a record: those of the run, and of its checks."""
    told = set(record.get("warnings", ()))
    for note in dict.fromkeys(record.get("notes", ())):
        if note not in told:
            yield f"Note: {note}"
    for one in record.get("checks", ()):
        if one["level"] == "note":
            yield f"Note: {with_items(one)}"


def capped(
    lines: Iterable[str], *, verbose: bool = False, what: str = "entry", indent: str = ""
) -> Iterator[str]:
    """Yield lines; without `verbose` the first ten, and how many are left out.

    Args:
        lines: the lines.
        verbose: whether all are shown.
        what: what a line is, in the singular.
        indent: what is in front of the line that counts the rest.
    """
    each = list(lines)
    # A line that says that one line is left out would save nothing.
    if verbose or len(each) <= MOST:
        yield from each
        return
    yield from each[: MOST - 1]
    yield indent + more(len(each) - MOST + 1, what)


def short(lines: Iterable[str], *, verbose: bool = False) -> Iterator[str]:
    """Yield lines; without `verbose` those that fit ten lines of a terminal, and how many are left out.

    Args:
        lines: the lines, the most important first.
        verbose: whether all are shown.
    """
    each = list(lines)
    rows = 0
    for number, line in enumerate(each):
        rows += _rows(line)
        # A row is left for the line that counts the rest.
        if not verbose and rows > MOST - (number < len(each) - 1):
            yield more(len(each) - number, "line")
            return
        yield line


def _rows(line: str) -> int:
    """Return the number of rows that a line takes on a usual terminal."""
    return len(textwrap.wrap(line, _USUAL, subsequent_indent="  ")) or 1


def more(count: int, what: str) -> str:
    """Return the line that ends a list that was cut."""
    return f"… and {plural(count, 'more ' + what)}; --verbose shows everything."


def some(names: Sequence[str], most: int = MOST) -> str:
    """Return names in one line, the first of them if there are many."""
    left = len(names) - most
    return ", ".join(names[:most]) + (f" and {left} more" if left > 0 else "")


def space(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the size of the image's file before and after, if the run measured it."""
    if taken := record.get("space"):
        before, after = sizes.shown(taken["before"]), sizes.shown(taken["after"])
        yield f"The image takes {after} on this machine; before the run it took {before}."


def seconds(record: Mapping[str, Any]) -> str:
    """Return the time that a run took, in brackets."""
    return f"({record['timings']['total']:.2f} s)"


def plural(count: int, word: str) -> str:
    """Return a number and its word: `1 change`, `2 changes`."""
    if count != 1:
        word = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{count} {word}"
