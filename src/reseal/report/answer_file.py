"""The outcome of an answer file, as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reseal.operations.record import AnswerFileRecord, SettingRecord, UnattendRecord
from reseal.report.changes import listed
from reseal.report.outcome import Warned, seconds, shown, some

#: How many settings a line names; the rest is counted.
_SHOWN = 8
#: How many settings get a line of their own.
_FEW = 3


def warnings(outcome: AnswerFileRecord) -> Iterator[Warned]:
    """Yield the warnings about an answer file, and what its check found."""
    for one in outcome["findings"]:
        place = f"{one['file']}:{one['line']}:{one['column']}"
        what = f"{place}: {one['level']}: {one['what']}; {one['why']} [{one['rule']}]."
        yield Warned(what, f"{one['instead'][:1].upper()}{one['instead'][1:]}.")
    for warning in outcome["warnings"]:
        yield Warned(warning)


def lines(outcome: AnswerFileRecord, *, verbose: bool) -> Iterator[str]:
    """Yield the outcome of an answer file; without `verbose` a few lines."""
    passes = ", ".join(outcome["to_run"]) or "none"
    yield f"Answer file: {outcome['placed']}; passes of the next boot: {passes}."
    if outcome["moved_aside"]:
        yield f"Moved aside: {some(outcome['moved_aside'])}."
    done = [f"{each['configuration_pass']} {each['setting']}" for each in outcome["applied"]]
    if done:
        yield f"Applied: {', '.join(done) if verbose else some(done, _SHOWN)}."
    packages = (
        f"Driver package {package['inf']}: {package['outcome']}. {package['reason']}"
        for package in outcome["drivers"]
    )
    yield from _few(packages, verbose=verbose)
    left_out = (
        f"Not applied: {one['configuration_pass']} {_left(one, outcome['file'])}"
        for one in outcome["not_applied"]
    )
    yield from _few(left_out, verbose=verbose)
    to_windows = (
        f"Left to Windows: {_left(one, outcome['file'])}" for one in outcome["left_to_windows"]
    )
    yield from _few(to_windows, verbose=verbose)


def _few(lines: Iterable[str], *, verbose: bool) -> Iterator[str]:
    """Yield lines; without `verbose` the first few of them, and a count."""
    each = list(lines)
    shown = each if verbose else each[:_FEW]
    yield from shown
    if left := len(each) - len(shown):
        kind = each[0].partition(":")[0]
        yield f"{kind}: {left} more."


def applied(record: UnattendRecord, *, dry_run: bool, verbose: bool, where: str) -> Iterator[str]:
    """Yield the lines of `reseal unattend apply`.

    Args:
        record: the record of the run.
        dry_run: whether nothing was written.
        verbose: whether every change is listed.
        where: the image that the result is in.
    """
    done = f"{where} has the answer file"
    if not record["changes"]:
        done = f"{where} holds all of this already; nothing was changed"
    yield from shown(
        record, [] if dry_run else [f"{done} {seconds(record)}."],
        lines(record["unattend"], verbose=verbose), warnings=warnings(record["unattend"]),
        listed=listed(record["changes"]), dry_run=dry_run, verbose=verbose,
    )  # fmt: skip


def _left(setting: SettingRecord, file: str) -> str:
    place = f"{file}:{setting['line']}:{setting['column']}"
    return f"{setting['component']} {setting['setting']} ({place}). {setting['reason']}"
