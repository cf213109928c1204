"""The record of one machine that was made of an image, and its text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reseal.report import answer_file, drivers
from reseal.report.record import recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reseal.session import Session
    from reseal.specialize import Specialization


def specialize_job(machine: Specialization) -> Callable[[Session], dict[str, Any]]:
    """Return the job that makes a machine of a session's installation and records it."""

    def job(session: Session) -> dict[str, Any]:
        done = machine(session).to_json()
        name = done["computer_name"] or "a name that Windows draws at its first boot"
        return {"result": "specialized", "summary": f"The image is one machine: {name}.", **done}

    return recorded("specialize", job)


def lines(record: dict[str, Any], *, dry_run: bool, output: str | None) -> Iterator[str]:
    """Yield what the machine is now."""
    where = output or record["image"]["path"]
    for effect in record["effects"]:
        yield f"Broken by the new SID: {effect}"
    yield f"Name         {record['computer_name'] or 'drawn by Windows at its first boot'}"
    sid = record["machine_sid"] or "drawn by Windows at its first boot"
    when = {"now": " (in place)", "next boot": " (setupcl.exe sets it at the next boot)"}
    known = when.get(record["sid_when"], " (as before)") if record["machine_sid"] else ""
    yield f"Machine SID  {sid}{known}"
    yield f"MachineGuid  {record['machine_guid'] or 'none'}"
    if record["unattend"]:
        yield from answer_file.lines(record)
    for one in record["applied"]:
        yield f"Applied: {one['component']}/{one['setting']}."
    for one in (record["sid_change"] or {}).get("left", []):
        yield f"Left: {one['path']}, {one['format']}: {one['reason']}."
    if record["drivers"]:
        yield from drivers.added_lines(record["drivers"])
    for note in record["notes"]:
        yield f"Note: {note}"
    total = record["timings"]["total"]
    if dry_run:
        yield f"Nothing was written: a dry run of {total:.2f} s."
    else:
        yield f"{where} is a machine of its own now ({total:.2f} s)."
