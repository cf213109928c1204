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
    r"""The events of the old machine; every record holds its name and SIDs.

    reseal deletes the files of `System32\winevt\Logs`; the event log service creates new ones. It does
    not edit them, since their chunks carry checksums.
    """
    folder = session.installation.path(LOGS)
    for entry in session.files.list(folder):
        if not entry.is_directory and entry.name.lower().endswith((".evtx", ".etl", ".evt")):
            session.delete_file(f"{folder}\\{entry.name}")
