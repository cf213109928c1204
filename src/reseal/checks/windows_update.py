"""The Windows Update services."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, note
from reseal.mark import Mark
from reseal.windows.services import DISABLED, start_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

SERVICES = ("wuauserv", "UsoSvc", "WaaSMedicSvc")


@check(
    "windows-update",
    "The Windows Update services can start.",
    mark=Mark.REPORTED,
    source="three build diaries: GeneralizeForImaging of wuaueng.dll stalls if wuauserv can't start",
)
def windows_update(session: Session) -> Iterable[Finding]:
    """Sysprep stalls if they are disabled. Offline no service has to start, so this is only a note."""
    disabled = [name for name in SERVICES if start_of(session.registry, name) == DISABLED]
    if disabled:
        yield note(
            f"Windows Update can't start ({', '.join(disabled)} disabled). Sysprep itself would stall. "
            "reseal does not need it, but clones get no updates until it is enabled."
        )
