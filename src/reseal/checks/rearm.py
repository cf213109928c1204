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
    "Vista and 7, eight runs of Sysprep from Windows 8 on",
    code=CODE,
)
def rearm(session: Session) -> Iterable[Finding]:
    """Sysprep rearms the license, and fails where that was done too often.

    The count lies in files that only the software protection service can read (inferred: they are
    sealed), so it is not checkable here; reseal does not use up a rearm itself.
    """
    if session.registry.number(PLATFORM, SKIP_REARM):
        yield note("The license is not rearmed, since SkipRearm is set in the image.")
    else:
        yield note(
            "How many rearms of the license are left is not checkable in an image that is not running.",
            "In Windows, `slmgr /dlv` shows it; Sysprep fails where none is left.",
            code=CODE,
        )
