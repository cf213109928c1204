"""Hibernation and fast startup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, error, warning
from reseal.mark import Mark

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

#: The switch that allows the run to continue.
DISCARD_HIBERNATION = "discard-hibernation"


@check(
    "hibernation",
    "Windows was shut down fully.",
    mark=Mark.REPORTED,
    source="ntfs-3g, manual: Windows hibernation and fast restarting",
    forceable=False,
    order=10,  # the state of the volume comes before its content
)
def hibernation(session: Session) -> Iterable[Finding]:
    """A hibernated Windows resumes its session, and writes its memory over any change."""
    state = session.volume_state
    if state is None or state.hibernation == "none":
        return
    words = "hibernated" if state.hibernation == "hibernated" else "shut down with fast startup"
    if DISCARD_HIBERNATION in session.switches:
        yield warning(f"Windows was {words}; its session is discarded, and unsaved data is lost.")
        return
    yield error(
        f"Windows was {words}; it would resume the old session and overwrite every change.",
        "Boot the image and shut it down with `shutdown /s /t 0`, or discard its session with "
        "--discard-hibernation.",
    )
