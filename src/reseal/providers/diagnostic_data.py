"""Diagnostic data that has not been sent yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.places import delete_matching

if TYPE_CHECKING:
    from reseal.session import Session

_LOGS = (
    r"ProgramData\Microsoft\Diagnosis\ETLLogs\AutoLogger\*.etl",
    r"ProgramData\Microsoft\Diagnosis\ETLLogs\ShutdownLogger\*.etl",
)


@provider(
    "diagnostic-data",
    "Delete diagnostic traces that have not been sent yet",
    mark=Mark.INFERRED,
    source="places: reported by many administrators; that UtcSysprepGeneralize deletes them: "
    "inferred, since no source describes what it does",
    entry_points=("diagtrack.dll,UtcSysprepGeneralize",),
)
def diagnostic_data(session: Session) -> None:
    """Traces that the telemetry service recorded on the old machine.

    Traces of startup and shutdown stay in `ProgramData` until they are sent; they contain the machine's
    name. reseal deletes them. The service writes new ones at its next start.
    """
    for pattern in _LOGS:
        delete_matching(session, pattern)
