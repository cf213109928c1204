"""The system's drive letter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, note
from reseal.mark import Mark

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

USUAL = "C:"


@check(
    "drive-letter",
    "The system's drive is C:.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep (System Preparation) Overview: Limitations (consistent drive letters)",
)
def drive_letter(session: Session) -> Iterable[Finding]:
    """Paths all over the image contain the letter, so its mapping is kept."""
    letter = session.installation.system_drive
    if letter and letter != USUAL:
        yield note(
            f"The system volume has the drive letter {letter}. Its mapping in MountedDevices is kept, "
            "and clones need the same letter."
        )
