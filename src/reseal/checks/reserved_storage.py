"""Reserved storage that servicing is using."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, error
from reseal.mark import Mark

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

RESERVE_MANAGER = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\ReserveManager"


@check(
    "reserved-storage",
    "No update is using reserved storage.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Errors when capturing Windows 11 image by using capture media (message, code, "
    "cure); ReserveManager!ActiveScenario: reported by image builders",
    entry_points=("spopk.dll,Sysprep_Clean_Validate_Opk",),
    sysprep_says="Sysprep_Clean_Validate_Opk: Audit mode cannot be turned on if reserved storage is in "
    "use. An update or servicing operation may be using reserved storage.; hr = 0x800F0975",
    code="0x800F0975",
    order=30,  # the state of Windows as a whole
)
def reserved_storage(session: Session) -> Iterable[Finding]:
    """While an update runs, ActiveScenario is not 0 (Windows 10 1903 and later)."""
    scenario = session.registry.number(RESERVE_MANAGER, "ActiveScenario")
    if scenario:
        yield error(
            f"An update or servicing operation is using reserved storage (ActiveScenario {scenario}).",
            "Boot the image, install updates until there are none left, run `DISM /Online /Cleanup-Image "
            "/StartComponentCleanup`, restart it and shut it down.",
        )
