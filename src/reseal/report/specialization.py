"""A specialize run as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.report import answer_file, drivers
from reseal.report.changes import ending, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.operations.record import SpecializeRecord


def lines(record: SpecializeRecord, *, dry_run: bool, verbose: bool, where: str) -> Iterator[str]:
    """Yield the lines of `reseal specialize`."""
    if verbose:
        yield from listed(record["changes"])
    for effect in record["effects"]:
        yield f"Broken by the new SID: {effect}"
    yield f"Name         {record['computer_name'] or 'drawn by Windows at its first boot'}"
    sid = record["machine_sid"] or "drawn by Windows at its first boot"
    when = {"now": " (in place)", "next boot": " (setupcl.exe sets it at the next boot)"}
    known = when.get(record["sid_when"] or "", " (as before)") if record["machine_sid"] else ""
    yield f"Machine SID  {sid}{known}"
    yield f"MachineGuid  {record['machine_guid'] or 'none'}"
    if record["unattend"]:
        yield from answer_file.lines(record["unattend"])
    for setting in record["applied"]:
        yield f"Applied: {setting['component']}/{setting['setting']}."
    for one in record["sid_change"]["left"] if record["sid_change"] else ():
        yield f"Left: {one['path']}, {one['format']}: {one['reason']}."
    if record["drivers"]:
        yield from drivers.added_lines(record["drivers"])
    yield from ending(record, dry_run=dry_run, done=f"{where} is now a machine of its own")
