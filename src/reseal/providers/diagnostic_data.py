"""Diagnostic data that waits to be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.places import matching

if TYPE_CHECKING:
    from reseal.session import Session

_LOGS = (
    r"ProgramData\Microsoft\Diagnosis\ETLLogs\AutoLogger\*.etl",
    r"ProgramData\Microsoft\Diagnosis\ETLLogs\ShutdownLogger\*.etl",
)


@provider(
    "diagnostic-data",
    "Delete diagnostic traces that wait to be sent",
    mark=Mark.INFERRED,
    source="places: reported by many administrators; that UtcSysprepGeneralize deletes them: "
    "inferred, since what it does is in no source",
    entry_points=("diagtrack.dll,UtcSysprepGeneralize",),
)
def diagnostic_data(session: Session) -> None:
    """What the telemetry service traced on the old machine.

    Traces of its start and shutdown lie in `ProgramData` until they are sent, with the machine's name
    in them. They are deleted; the service writes them anew at its next start.
    """
    for pattern in _LOGS:
        for path in matching(session, pattern):
            session.delete_file(path)
