"""What became of an answer file, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.operations.record import AnswerFileRecord, UnattendRecord

#: How many settings a line names; the rest is counted.
_SHOWN = 8


def lines(outcome: AnswerFileRecord) -> Iterator[str]:
    """Yield what became of the answer file, for `unattend apply` and `generalize`."""
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
        yield (
            f"Not applied: {setting['configuration_pass']} {setting['component']} {setting['setting']} "
            f"({outcome['file']}:{setting['line']}:{setting['column']}). {setting['reason']}"
        )
    for setting in outcome["left_to_windows"]:
        yield (
            f"Left to Windows: {setting['component']} {setting['setting']} "
            f"({outcome['file']}:{setting['line']}:{setting['column']}). {setting['reason']}"
        )


def applied(record: UnattendRecord, *, dry_run: bool) -> Iterator[str]:
    """Yield the lines of `reseal unattend apply`."""
    yield from lines(record["unattend"])
    for note in record["notes"]:
        yield f"Note: {note}"
    if dry_run:
        yield "Nothing was written: a dry run."
    elif not record["changes"]:
        yield f"{record['image']['path']} holds all of this already; nothing was changed."
    else:
        yield f"{record['image']['path']} has the answer file ({record['timings']['total']:.2f} s)."


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
