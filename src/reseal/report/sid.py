"""The machine SID of an image, and a change of it, as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reseal.operations.record import SidRecord
from reseal.report.changes import ending, listed


def show_text(record: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of `reseal sid --show`."""
    yield f"Machine SID  {record['machine_sid'] or 'unknown'}"
    pending = record["pending"]
    if pending["requested"]:
        yield f"Next boot    replaced by {pending['chosen'] or 'one that Windows generates'}"
    if record["domain_sid"]:
        yield f"Domain       {record['domain']} ({record['domain_sid']})"
    for sid, path in record["accounts"].items():
        yield f"Profile      {sid}  {path}"


def lines(record: SidRecord, *, dry_run: bool, verbose: bool, where: str) -> Iterator[str]:
    """Yield the lines of a change.

    Args:
        record: the record of the run.
        dry_run: whether nothing was written.
        verbose: whether every change is listed.
        where: the image that the result is in.
    """
    if verbose:
        yield from listed(record["changes"])
    for name, counts in record.get("hives", {}).items():
        by_kind = ", ".join(f"{count} × {kind}" for kind, count in counts.items())
        yield f"  {name}: {by_kind}"
    for one in record.get("descriptors", []):
        state = "changed" if one["changed"] else "left as they are"
        yield (
            f"  volume {one['volume']}: {one['with_sid']} of {one['distinct']} descriptors "
            f"{state if one['with_sid'] else 'hold the SID'}"
        )
    for name, places in record.get("files", {}).items():
        yield f"  {name}: {places} places"
    for name in record.get("names", []):
        yield f"  {name}: renamed"
    for left in record.get("left", []):
        count = "" if left["count"] is None else f" ({left['count']} times)"
        yield f"Left: {left['path']}{count}, {left['format']}: {left['reason']}."
    done = None
    if record["result"] == "pending":
        done = (
            f"{where} gets {record['new'] or 'a new SID that Windows generates'} at its next boot"
        )
    elif record["result"] == "changed":
        done = f"{where}: {record['old']} is now {record['new']}"
    yield from ending(record, dry_run=dry_run, done=done)
