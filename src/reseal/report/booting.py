"""What the next boot does, as text."""

from __future__ import annotations

from collections.abc import Iterator

from reseal.operations.record import BootRecord, RunRecord
from reseal.report import answer_file
from reseal.report.changes import listed
from reseal.report.outcome import Warned, seconds, shown


def repaired(record: RunRecord, where: str, *, dry_run: bool, verbose: bool) -> Iterator[str]:
    """Yield the lines of `reseal boot --repair`.

    Args:
        record: the record of the run.
        dry_run: whether nothing was written.
        where: the image that the result is in.
        verbose: whether everything is shown.
    """
    details = (f"{one['target']}: {one['after']}" for one in record["changes"])
    done = [] if dry_run else [f"The boot files of {where} are repaired {seconds(record)}."]
    yield from shown(record, done, details, dry_run=dry_run, verbose=verbose)


def lines(record: BootRecord, *, dry_run: bool, verbose: bool, where: str) -> Iterator[str]:
    """Yield the lines of `reseal boot`.

    Args:
        record: the record of the run.
        dry_run: whether nothing was written.
        verbose: whether every change is listed.
        where: the image that the result is in.
    """
    if record["result"] in {"armed", "applied"}:
        target = "audit mode" if record["target"] == "audit" else "OOBE"
        done = f"The next boot of {where} goes to {target}"
    elif record["result"] == "recovered":
        done = f"{where} is back in a consistent state"
    elif record["result"] == "changed":
        done = f"The storage drivers of {where} start at boot"
    elif where == record["image"]["path"]:
        done = f"{where} was not changed"
    else:
        done = f"{record['image']['path']} needs no change; {where} is a copy of it"
    answers = record.get("unattend")
    details: list[str] = []
    warnings: list[Warned] = []
    if answers:
        details += answer_file.lines(answers, verbose=verbose)
        warnings += answer_file.warnings(answers)
    yield from shown(
        record, [] if dry_run else [f"{done} {seconds(record)}."], details, warnings=warnings,
        listed=listed(record["changes"]), dry_run=dry_run, verbose=verbose,
    )  # fmt: skip
