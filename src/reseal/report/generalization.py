"""A generalize run as text that fits a screen."""

from __future__ import annotations

from collections.abc import Iterator

from reseal.operations.record import CheckRecord, GeneralizeRecord, Written
from reseal.report import answer_file, drivers
from reseal.report.changes import counted, ending, listed

_NAMES_SHOWN = 12
_ITEMS_SHOWN = 3


def lines(record: GeneralizeRecord, *, dry_run: bool, verbose: bool, where: str) -> Iterator[str]:
    """Yield the lines of `reseal generalize`; without `verbose` they fit a screen.

    Args:
        record: the record of the run.
        dry_run: whether nothing was written.
        verbose: whether every change is listed.
        where: the image that the result is in.
    """
    for one in record["checks"]:
        if one["level"] in {"warning", "note"}:
            hint = f" {one['hint']}" if one["level"] == "warning" and one["hint"] else ""
            yield f"{one['level'].capitalize()}: {_with_items(one)}{hint}"
    if record["unattend"]:
        yield from answer_file.lines(record["unattend"])
    if record["drivers"]:
        yield from drivers.added_lines(record["drivers"])
    if record["result"] == "already generalized":
        yield f"{record['image']['path']} is generalized already; {_done_besides(record)}."
        return
    if verbose:
        yield from listed(record["changes"])
    yield from counted(record["changes"], "provider")
    yield from _plan(record["coverage"])
    written = _hives(record["written"])
    yield from ending(record, dry_run=dry_run, done=f"{where} is generalized", written=written)
    if dry_run:
        return
    target = "audit mode" if record["target"] == "audit" else "OOBE"
    yield f"Its next boot runs specialize, then {target}."
    if record["sid"]:
        again = record["after"] and record["after"].get("new_sid_at_next_boot")
        then = "is asked to replace it again" if again else "has nothing to replace"
        yield f"Its machine SID is now {record['sid']['new']}; setupcl.exe {then}."
    yield "Proved: structure and state. Not proved: a boot (Windows did not run here)."


def _with_items(finding: CheckRecord) -> str:
    """Return the message of a finding, with the first of what it sums up unless it names them itself."""
    message, items = finding["message"], finding["items"]
    if not items or any(one in message for one in items):
        return message
    more = f" and {len(items) - _ITEMS_SHOWN} more" if len(items) > _ITEMS_SHOWN else ""
    return f"{message.removesuffix('.')}: {', '.join(items[:_ITEMS_SHOWN])}{more}."


def _done_besides(record: GeneralizeRecord) -> str:
    if record["sid"]:
        return f"its machine SID is now {record['sid']['new']}"
    if record["drivers"]:
        return "the drivers were added"
    return "the answer file was placed" if record["unattend"] else "nothing was changed"


def _plan(coverage: dict[str, list[str]]) -> Iterator[str]:
    yield (
        f"The image's own plan: {len(coverage['declarative'])} declarative actions, "
        f"{len(coverage['emulated'])} entry points emulated, "
        f"{len(coverage['left_to_windows'])} left to Windows, "
        f"{len(coverage['not_carried_out'])} not carried out, "
        f"{len(coverage['nothing_to_do'])} with nothing to do, "
        f"{len(coverage['unknown'])} unknown."
    )
    if coverage["unknown"]:
        shown = coverage["unknown"][:_NAMES_SHOWN]
        more = len(coverage["unknown"]) - len(shown)
        yield f"Unknown: {', '.join(shown)}{f' and {more} more' if more else ''}."
    if coverage["disabled"]:
        yield f"Entry points switched off: {', '.join(coverage['disabled'])}."


def _hives(written: Written | None) -> Iterator[str]:
    if written and (files := written["files"]):
        yield (
            f"Written: {', '.join(written['hives'])}; files created {files['files_created']}, deleted "
            f"{files['files_deleted']}, overwritten {files['files_overwritten']}, renamed "
            f"{files['files_renamed']}."
        )
