"""The machine SID of an image, and a change of it, as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reseal.operations.record import SidRecord
from reseal.report.changes import listed
from reseal.report.outcome import capped, plural, seconds, shown


def show_text(record: dict[str, Any], *, verbose: bool) -> Iterator[str]:
    """Yield the lines of `reseal sid --show`."""
    yield f"Machine SID  {record['machine_sid'] or 'unknown'}"
    pending = record["pending"]
    if pending["requested"]:
        yield f"Next boot    replaced by {pending['chosen'] or 'one that Windows generates'}"
    if record["domain_sid"]:
        yield f"Domain       {record['domain']} ({record['domain_sid']})"
    profiles = (f"Profile      {sid}  {path}" for sid, path in record["accounts"].items())
    yield from capped(profiles, verbose=verbose, what="profile")


def lines(record: SidRecord, *, dry_run: bool, verbose: bool, where: str) -> Iterator[str]:
    """Yield the lines of a change.

    Args:
        record: the record of the run.
        dry_run: whether nothing was written.
        verbose: whether every change is listed.
        where: the image that the result is in.
    """
    done: list[str] = []
    if record["result"] == "pending":
        new = record["new"] or "a new SID that Windows generates"
        done = [f"{where} gets {new} at its next boot {seconds(record)}."]
    elif record["result"] == "changed":
        done = [f"{where}: {record['old']} is now {record['new']} {seconds(record)}."]
    yield from shown(
        record, [] if dry_run else done, _details(record), listed=listed(record["changes"]),
        dry_run=dry_run, verbose=verbose,
    )  # fmt: skip


def _details(record: SidRecord) -> Iterator[str]:
    # What stays comes first: it is what a list that is cut must not lose.
    for left in record.get("left", []):
        count = "" if left["count"] is None else f" ({left['count']} times)"
        yield f"Left: {left['path']}{count}, {left['format']}: {left['reason']}."
    for one in record.get("descriptors", []):
        state = "changed" if one["changed"] else "left as they are"
        yield (
            f"  volume {one['volume']}: {one['with_sid']} of {one['distinct']} descriptors "
            f"{state if one['with_sid'] else 'hold the SID'}"
        )
    for name, counts in record.get("hives", {}).items():
        by_kind = ", ".join(f"{count} × {kind}" for kind, count in counts.items())
        yield f"  {name}: {by_kind}"
    for name, places in record.get("files", {}).items():
        yield f"  {name}: {plural(places, 'place')}"
    for name in record.get("names", []):
        yield f"  {name}: renamed"
