"""More than one Windows on the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, warning
from reseal.mark import Mark

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session


@check(
    "several-windows",
    "The image holds one Windows.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep (System Preparation) Overview: Limitations (the SID is only replaced on "
    "the operating system volume)",
)
def several_windows(session: Session) -> Iterable[Finding]:
    """Each Windows must be generalized by itself; one run changes only the chosen one."""
    others = session.neighbours.installations
    if others:
        count = "another Windows" if len(others) == 1 else f"{len(others)} other Windows"
        yield warning(
            f"The image holds {count} ({', '.join(others)}), which this run does not change.",
            f"Repeat the run for each, for example with --volume {others[0]}.",
        )
