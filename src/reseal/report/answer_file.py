"""The outcome of an answer file, as text."""

from __future__ import annotations

from collections.abc import Iterator

from reseal.operations.record import AnswerFileRecord, SettingRecord, UnattendRecord
from reseal.report.changes import ending, listed

#: How many settings a line names; the rest is counted.
_SHOWN = 8


def lines(outcome: AnswerFileRecord) -> Iterator[str]:
    """Yield the outcome of an answer file."""
    for one in outcome["findings"]:
        yield (
            f"{one['file']}:{one['line']}:{one['column']}: {one['level']}: {one['what']}; "
            f"{one['why']}; {one['instead']} [{one['rule']}]"
        )
    for warning in outcome["warnings"]:
        yield f"Warning: {warning}"
    passes = ", ".join(outcome["to_run"]) or "none"
    yield f"Answer file: {outcome['placed']}; passes of the next boot: {passes}."
    for path in outcome["moved_aside"]:
        yield f"Moved aside: {path}."
    done = [f"{each['configuration_pass']} {each['setting']}" for each in outcome["applied"]]
    if done:
        yield f"Applied: {_some(done)}."
    for package in outcome["drivers"]:
        yield f"Driver package {package['inf']}: {package['outcome']}. {package['reason']}"
    for setting in outcome["not_applied"]:
        yield f"Not applied: {setting['configuration_pass']} {_left(setting, outcome['file'])}"
    for setting in outcome["left_to_windows"]:
        yield f"Left to Windows: {_left(setting, outcome['file'])}"


def applied(record: UnattendRecord, *, dry_run: bool, verbose: bool, where: str) -> Iterator[str]:
    """Yield the lines of `reseal unattend apply`.

    Args:
        record: the record of the run.
        dry_run: whether nothing was written.
        verbose: whether every change is listed.
        where: the image that the result is in.
    """
    if verbose:
        yield from listed(record["changes"])
    yield from lines(record["unattend"])
    done = f"{where} has the answer file"
    if not record["changes"]:
        done = f"{where} holds all of this already; nothing was changed"
    yield from ending(record, dry_run=dry_run, done=done)


def _left(setting: SettingRecord, file: str) -> str:
    place = f"{file}:{setting['line']}:{setting['column']}"
    return f"{setting['component']} {setting['setting']} ({place}). {setting['reason']}"


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
