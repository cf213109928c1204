"""The record of what the checks find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reseal import checks
from reseal.checks import Level
from reseal.errors import CheckError, ImageError
from reseal.report.inspection import windows_facts
from reseal.run.opening import Found, choose
from reseal.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable


def check_job(
    volume: str | None, subject: str, switches: frozenset[str]
) -> Callable[[list[Found]], dict[str, Any]]:
    """Return the job that runs every check on one installation and records what they find.

    Args:
        volume: which installation, as `--volume` names it; None where there is only one.
        subject: the image's name, for messages.
        switches: names of the switches that checks look at.
    """

    def job(found: list[Found]) -> dict[str, Any]:
        chosen = choose(found, volume, subject)
        session = Session(
            chosen.installation,
            volume_state=chosen.state,
            neighbours=chosen.neighbours,
            switches=switches,
        )
        findings = checks.run(session)
        return {
            "windows": windows_facts(chosen.installation),
            "checks": [one.to_json() for one in findings],
        }

    return job


def exit_code(record: dict[str, Any]) -> int:
    """The exit code of the command line: what an error that stands would raise, or 0."""
    errors = [one for one in record["checks"] if one["level"] == Level.ERROR]
    if any(one["damaged"] for one in errors):
        return ImageError.exit_code
    return CheckError.exit_code if errors else 0
