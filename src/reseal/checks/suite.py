"""All checks in one pass, and the switches that override them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import FORCE, Check, Finding, Level
from reseal.declaration import declared
from reseal.errors import ImageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

#: All checks, in the order in which they run and are shown.
CHECKS = declared("reseal.checks", Check)


def run(session: Session) -> list[Finding]:
    """Run every check; a failure does not stop the others, and nothing raises.

    Damage is reported once: a check that meets the same damage later only says that it could not run.
    """
    findings: list[Finding] = []
    for one in CHECKS:
        try:
            findings += one(session)
        except ImageError as error:
            if any(found.damaged for found in findings):
                message = f"Not checked, since the image is damaged: {error.message}"
                findings.append(Finding(one.id, Level.NOTE, message))
            else:
                findings.append(
                    Finding(one.id, Level.ERROR, error.message, error.hint, damaged=True)
                )
    return findings


def force(names: Iterable[str]) -> frozenset[str]:
    """Turn the names given to `--force` into switches of a session.

    Raises:
        UsageError: the check does not exist, or can't be overridden.
    """
    known = {one.id: one for one in CHECKS}
    switches = set()
    for name in names:
        if name not in known:
            msg = f"{name} is not a known check."
            raise UsageError(msg, f"The checks are {', '.join(sorted(known))}.")
        if not known[name].forceable:
            msg = f"The check {name} can't be overridden."
            hint = "Repair the image, or use the option that its finding names."
            raise UsageError(msg, hint)
        switches.add(FORCE + name)
    return frozenset(switches)
