"""A customize run as text."""

from __future__ import annotations

from collections.abc import Iterator

from reseal.operations.record import CustomizeRecord
from reseal.report.changes import counted, ending, listed


def lines(record: CustomizeRecord, *, dry_run: bool, verbose: bool, where: str) -> Iterator[str]:
    """Yield the lines of `reseal customize`; a dry run lists every change.

    Args:
        record: the record of the run.
        dry_run: whether nothing was written.
        verbose: whether every change is listed.
        where: the image that the result is in.
    """
    changes = record["changes"]
    if verbose or dry_run:
        yield from listed(changes)
    if changes:
        yield from counted(changes, "step")
    else:
        yield "There was nothing to change."
    if not dry_run:
        for path in record["copied_out"]:
            yield f"Copied out: {path}"
    yield from ending(record, dry_run=dry_run, done=f"{where} is customized")
