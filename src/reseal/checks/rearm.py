"""The rearm of the license."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, note
from reseal.mark import Mark

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

PLATFORM = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\SoftwareProtectionPlatform"
SKIP_REARM = "SkipRearm"
CODE = "0xc004d307"


@check(
    "rearm",
    "The license needs no rearm.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep fails with error 0xC004D307; Security-SPP SkipRearm: three rearms in "
    "Vista and 7; eight runs of Sysprep in the texts on Windows 8; Sysprep (Generalize) a Windows "
    "installation: 1001 runs in Windows 8.1, Server 2012 and later",
    code=CODE,
)
def rearm(session: Session) -> Iterable[Finding]:
    """Sysprep rearms the license, and fails if no rearm is left.

    The count is kept in files that only the software protection service can read (inferred: they are
    sealed), so it can't be checked here. reseal itself does not use up a rearm, but one that it stages for
    the first boot does.
    """
    if session.registry.number(PLATFORM, SKIP_REARM):
        yield note("The license is not rearmed: SkipRearm is set in the image.")
    else:
        yield note(
            "The number of license rearms left can't be read from a powered-off image.",
            "In Windows, `slmgr /dlv` shows it. Sysprep fails if none is left.",
            code=CODE,
        )
