"""The services of Windows Update."""

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
    "The services of Windows Update can start.",
    mark=Mark.REPORTED,
    source="three build diaries: GeneralizeForImaging of wuaueng.dll stalls where wuauserv can't start",
)
def windows_update(session: Session) -> Iterable[Finding]:
    """Sysprep stalls with them disabled. Offline nothing has to start, so this is only said."""
    disabled = [name for name in SERVICES if start_of(session.registry, name) == DISABLED]
    if disabled:
        yield note(
            f"Windows Update can't start ({', '.join(disabled)} disabled), and Sysprep itself would "
            "stall; here that does not matter, and clones get no updates until it is enabled."
        )
