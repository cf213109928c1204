"""The record of an answer file that was applied to an image, and its text."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from reseal.answerfile import Target
from reseal.report.record import recorded
from reseal.run import read
from reseal.run.opening import choose
from reseal.unattend import apply as unattend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from reseal.run.opening import Found
    from reseal.session import Session

#: How many settings a line names; the rest is counted.
_SHOWN = 8


def target_of(image: Path, volume: str | None, *, allow_backing: bool = False) -> Target:
    """Look at the Windows of an image for the check of an answer file.

    Raises:
        CheckError: the image holds several, and none was chosen.
        ImageError: the image can't be read, or holds no Windows.
    """

    def look(found: list[Found]) -> dict[str, Any]:
        chosen = choose(found, volume, str(image)).installation
        facts = asdict(unattend.target_of(chosen, thorough=True))
        return {
            name: sorted(one) if isinstance(one, frozenset) else one for name, one in facts.items()
        }

    seen = read(image, look, allow_backing=allow_backing)

    def names(field: str) -> frozenset[str] | None:
        return None if seen[field] is None else frozenset(seen[field])

    return Target(
        architecture=seen["architecture"],
        build=seen["build"],
        time_zones=names("time_zones"),
        keyboard_layouts=names("keyboard_layouts"),
        components=names("components"),
    )


def apply_job(request: unattend.Request) -> Callable[[Session], dict[str, Any]]:
    """Return the job that applies an answer file to a session's installation and records it."""

    def job(session: Session) -> dict[str, Any]:
        outcome = unattend.apply(session, request)
        return {
            "result": "applied",
            "summary": f"The image has the answer file, at {outcome.placed}.",
            "unattend": outcome.to_json(),
        }

    return recorded("unattend apply", job)


def lines(record: dict[str, Any]) -> Iterator[str]:
    """Yield what became of the answer file, for `unattend apply` and `generalize`."""
    outcome = record["unattend"]
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
    done = [f"{one['configuration_pass']} {one['setting']}" for one in outcome["applied"]]
    if done:
        yield f"Applied: {_some(done)}."
    for one in outcome["drivers"]:
        yield f"Driver package {one['inf']}: {one['outcome']}. {one['reason']}"
    for one in outcome["not_applied"]:
        yield (
            f"Not applied: {one['configuration_pass']} {one['component']} {one['setting']} "
            f"({outcome['file']}:{one['line']}:{one['column']}). {one['reason']}"
        )
    for one in outcome["left_to_windows"]:
        yield (
            f"Left to Windows: {one['component']} {one['setting']} "
            f"({outcome['file']}:{one['line']}:{one['column']}). {one['reason']}"
        )


def applied(record: dict[str, Any], *, dry_run: bool) -> Iterator[str]:
    """Yield the lines of `reseal unattend apply`."""
    yield from lines(record)
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
