"""A customize run as text."""

from __future__ import annotations

from collections.abc import Iterator

from reseal.operations.record import CustomizeRecord
from reseal.report.changes import counted, listed
from reseal.report.outcome import capped, seconds, shown, space


def lines(record: CustomizeRecord, *, dry_run: bool, verbose: bool, where: str) -> Iterator[str]:
    """Yield the lines of `reseal customize`.

    Args:
        record: the record of the run.
        dry_run: whether nothing was written.
        verbose: whether every change is listed.
        where: the image that the result is in.
    """
    done = [] if dry_run else [f"{where} is customized {seconds(record)}."]
    yield from shown(
        record, done, _details(record, dry_run=dry_run, verbose=verbose),
        listed=listed(record["changes"]), dry_run=dry_run, verbose=verbose,
    )  # fmt: skip


def _details(record: CustomizeRecord, *, dry_run: bool, verbose: bool) -> Iterator[str]:
    changes = record["changes"]
    yield counted(changes, "step", verbose=verbose) if changes else "There was nothing to change."
    if dry_run:
        if not verbose:
            yield from listed(changes)
        return
    copied = (f"Copied out: {path}" for path in record["copied_out"])
    yield from capped(copied, verbose=verbose, what="file")
    yield from space(record)
