"""A customize run as text."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING

from reseal.operations import sizes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.operations.record import CustomizeRecord, RunRecord

_WIDTH = 96


def lines(
    record: CustomizeRecord, *, dry_run: bool, output: str | None, verbose: bool
) -> Iterator[str]:
    """Yield the lines of `reseal customize`."""
    changes = record["changes"]
    if verbose or dry_run:
        for one in changes:
            yield f"  {one['provider']}: {one['kind'].replace('_', ' ')} {one['target']}"
    counts = Counter(one["provider"] for one in changes)
    shown = ", ".join(f"{name} {count}" for name, count in counts.items())
    total = f"{len(changes)} change{'' if len(changes) == 1 else 's'}"
    yield f"{total}, by step:" if changes else "There was nothing to change."
    yield from textwrap.wrap(
        shown, _WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
    )
    for note in record["notes"]:
        yield f"Note: {note}"
    seconds = record["timings"]["total"]
    if dry_run:
        yield f"Nothing was written: a dry run of {seconds:.2f} s."
        return
    for path in record["copied_out"]:
        yield f"Copied out: {path}"
    yield from space(record)
    yield f"{output or record['image']['path']} is customized ({seconds:.2f} s)."


def space(record: RunRecord) -> Iterator[str]:
    """Yield what the image takes on this machine, before and after, where that was asked for."""
    taken = record.get("space")
    if taken:
        before, after = sizes.shown(taken["before"]), sizes.shown(taken["after"])
        yield f"The image takes {after} on this machine; before the run it was {before}."
