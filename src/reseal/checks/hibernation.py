"""Hibernation and fast startup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, error, warning
from reseal.mark import Mark

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

#: The consent with which the run goes on.
DISCARD_HIBERNATION = "discard-hibernation"


@check(
    "hibernation",
    "Windows was shut down fully.",
    mark=Mark.REPORTED,
    source="ntfs-3g, manual: Windows hibernation and fast restarting",
    forceable=False,
    order=10,  # what is wrong with the volume comes before what is on it
)
def hibernation(session: Session) -> Iterable[Finding]:
    """A hibernated Windows resumes with what it had in memory, and writes that over any change."""
    state = session.volume_state
    if state is None or state.hibernation == "none":
        return
    words = "hibernated" if state.hibernation == "hibernated" else "shut down with fast startup"
    if DISCARD_HIBERNATION in session.switches:
        yield warning(f"Windows was {words}; what it had in memory is given up, as you asked.")
        return
    yield error(
        f"Windows was {words}, so it would resume the old machine over every change.",
        "Boot the image and shut it down with `shutdown /s /t 0`, or give up what it had in memory "
        "with --discard-hibernation.",
    )
