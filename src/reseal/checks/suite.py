"""Every check, run in one pass, and overriding them by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import FORCE, Check, Finding, Level
from reseal.declaration import declared
from reseal.errors import ImageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

#: Every check, in the order in which they run and are shown.
CHECKS = declared("reseal.checks", Check)


def run(session: Session) -> list[Finding]:
    """Run every check; nothing stops at the first failure, and nothing raises.

    What is damaged is said once: a check that comes across the damage again only says that it could
    not look.
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
    """Turn the names that `--force` was given into switches of a session.

    Raises:
        UsageError: there is no such check, or it can't be overridden.
    """
    known = {one.id: one for one in CHECKS}
    switches = set()
    for name in names:
        if name not in known:
            msg = f"There is no check {name}."
            raise UsageError(msg, f"The checks are {', '.join(sorted(known))}.")
        if not known[name].forceable:
            msg = f"The check {name} can't be overridden."
            hint = "What it finds has to be put right in the image, or has a switch of its own."
            raise UsageError(msg, hint)
        switches.add(FORCE + name)
    return frozenset(switches)
