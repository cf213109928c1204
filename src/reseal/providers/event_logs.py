"""Event logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider

if TYPE_CHECKING:
    from reseal.session import Session

LOGS = r"System32\winevt\Logs"


@provider(
    "event-logs",
    "Delete the event logs",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep Command-Line Options, /generalize: event logs are deleted",
    entry_points=("wevtapi.dll,EvtIntSysprepCleanup",),
)
def event_logs(session: Session) -> None:
    r"""What happened on the old machine, with its name and SIDs in every record.

    The files of `System32\winevt\Logs` go; the event log service makes them anew. They are deleted,
    never edited, since their chunks carry checksums.
    """
    folder = session.installation.path(LOGS)
    for entry in session.files.list(folder):
        if not entry.is_directory and entry.name.lower().endswith((".evtx", ".etl", ".evt")):
            session.delete_file(f"{folder}\\{entry.name}")
