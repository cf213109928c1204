"""A generalize run as text that fits a screen."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING

from reseal.report import answer_file, customization, drivers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.operations.record import ChangeRecord, GeneralizeRecord

_NAMES_SHOWN = 12
_WIDTH = 96


def lines(
    record: GeneralizeRecord, *, dry_run: bool, output: str | None, verbose: bool = False
) -> Iterator[str]:
    """Yield the lines of `reseal generalize`; without `verbose` they fit a screen."""
    for one in record["checks"]:
        if one["level"] in {"warning", "note"}:
            yield f"{one['level'].capitalize()}: {one['message']}"
    if record["unattend"]:
        yield from answer_file.lines(record["unattend"])
    if record["drivers"]:
        yield from drivers.added_lines(record["drivers"])
    if record["result"] == "already generalized":
        yield f"{record['image']['path']} is generalized already; {_done_besides(record)}."
        return
    yield from _changes(record["changes"], verbose=verbose)
    yield from _plan(record["coverage"])
    for note in record["notes"]:
        yield f"Note: {note}"
    if dry_run:
        yield f"Nothing was written: a dry run of {record['timings']['total']:.2f} s."
    else:
        yield from _written(record, output or record["image"]["path"])


def _done_besides(record: GeneralizeRecord) -> str:
    if record["sid"]:
        return f"its machine SID is {record['sid']['new']} now"
    if record["drivers"]:
        return "the drivers are in it now"
    return "the answer file is in it now" if record["unattend"] else "nothing was changed"


def _changes(changes: list[ChangeRecord], *, verbose: bool) -> Iterator[str]:
    for change in changes if verbose else ():
        yield f"  {change['provider']}: {change['kind'].replace('_', ' ')} {change['target']}"
        yield f"      {_state(change['before'])} -> {_state(change['after'])} ({change['mark']})"
    by_provider = Counter(change["provider"] for change in changes)
    yield f"{len(changes)} change{'' if len(changes) == 1 else 's'}, by provider:"
    yield from textwrap.wrap(
        ", ".join(f"{provider} {count}" for provider, count in by_provider.items()),
        _WIDTH,
        initial_indent="  ",
        subsequent_indent="  ",
        break_on_hyphens=False,
        break_long_words=False,
    )


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


def _written(record: GeneralizeRecord, where: str) -> Iterator[str]:
    written = record["written"]
    assert written
    files = written["files"]
    assert files
    yield (
        f"Written: {', '.join(written['hives'])}; files created {files['files_created']}, deleted "
        f"{files['files_deleted']}, overwritten {files['files_overwritten']}, renamed "
        f"{files['files_renamed']}."
    )
    yield from customization.space(record)
    yield (
        f"{where} is generalized ({record['timings']['total']:.2f} s). Its next boot runs specialize, "
        f"then {'audit mode' if record['target'] == 'audit' else 'OOBE'}."
    )
    if record["sid"]:
        again = record["after"] and record["after"].get("new_sid_at_next_boot")
        then = "is asked for another at the first boot" if again else "has nothing to replace"
        yield f"Its machine SID is {record['sid']['new']} now; setupcl.exe {then}."
    yield "Proved: structure and state. Not proved: a boot (Windows did not run here)."


def _state(value: object) -> str:
    """What was or is there, on one line."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return " ".join(str(one) for one in value.values())
    return str(value)
