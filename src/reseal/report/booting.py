"""What the next boot does, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.report import answer_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.operations.record import BootRecord


def lines(record: BootRecord, *, dry_run: bool) -> Iterator[str]:
    """Yield the lines of `reseal boot`."""
    path = record["image"]["path"]
    if answers := record.get("unattend"):
        yield from answer_file.lines(answers)
    yield from (f"Note: {note}" for note in record["notes"])
    if dry_run:
        yield f"Nothing was written: a dry run with {len(record['changes'])} changes."
    elif record["result"] in {"armed", "applied"}:
        where = "audit mode" if record["target"] == "audit" else "OOBE"
        yield f"The next boot of {path} goes to {where}."
    elif record["result"] == "recovered":
        yield f"{path} is back in a consistent state."
    else:
        yield f"{path} was not changed."
