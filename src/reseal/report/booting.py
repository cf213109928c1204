"""What the next boot does, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reseal.operations.record import BootRecord
from reseal.report import answer_file
from reseal.report.changes import ending, listed


def repaired(record: Mapping[str, Any], where: str) -> Iterator[str]:
    """Yield the lines of `reseal boot --repair`.

    Args:
        record: the record of the run.
        where: the image that the result is in.
    """
    for one in record["changes"]:
        yield f"{one['target']}: {one['after']}"
    for note in record["notes"]:
        yield f"Note: {note}"
    yield f"The boot files of {where} are repaired."


def lines(record: BootRecord, *, dry_run: bool, verbose: bool, where: str) -> Iterator[str]:
    """Yield the lines of `reseal boot`.

    Args:
        record: the record of the run.
        dry_run: whether nothing was written.
        verbose: whether every change is listed.
        where: the image that the result is in.
    """
    if verbose:
        yield from listed(record["changes"])
    if answers := record.get("unattend"):
        yield from answer_file.lines(answers)
    if record["result"] in {"armed", "applied"}:
        target = "audit mode" if record["target"] == "audit" else "OOBE"
        done = f"The next boot of {where} goes to {target}"
    elif record["result"] == "recovered":
        done = f"{where} is back in a consistent state"
    elif record["result"] == "changed":
        done = f"The storage drivers of {where} start at boot"
    else:
        done = f"{where} was not changed"
    yield from ending(record, dry_run=dry_run, done=done)
