"""Logs of Setup, Sysprep and servicing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.places import files_below
from reseal.tree import join

if TYPE_CHECKING:
    from reseal.session import Session

#: Folders below Windows whose logs are deleted, including subfolders.
_FOLDERS = (
    "Panther",
    r"System32\Sysprep\Panther",
    r"Logs\CBS",
    r"Logs\DISM",
    r"Logs\MoSetup",
    r"Logs\SetupCleanupTask",
)
_SUFFIXES = (".log", ".etl", ".evtx", ".que", ".dir", ".uaq")
_NAMES = frozenset({"diagerr.xml", "diagwrn.xml", "setupinfo", "setupinfo.bak", "windlp.state.xml"})
#: Single logs: the folder below Windows and how their names begin.
_SINGLE = (("", ("setupact.log", "setuperr.log")), ("inf", ("setupapi.",)))
_DEPTH = 4


@provider(
    "setup-logs",
    "Delete the logs of Setup, Sysprep and device installation",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep Process Overview: generalize deletes certain setup log files; which "
    "ones beyond the places of Windows Deployment Troubleshooting and Log Files: inferred",
)
def setup_logs(session: Session) -> None:
    r"""Logs that Setup wrote while it installed the old machine.

    Logs under `Panther`, `System32\Sysprep\Panther`, `Logs\CBS` and `Logs\DISM`, and
    `inf\setupapi.*.log`, name the machine, its accounts and devices. reseal deletes them. Answer files
    in Panther stay: a later run without an answer file uses the cached one.
    """
    for folder in _FOLDERS:
        for path in list(files_below(session, session.installation.path(folder), _DEPTH)):
            name = path.rpartition("\\")[2].lower()
            if name.endswith(_SUFFIXES) or name in _NAMES:
                session.delete_file(path)
    for folder, prefixes in _SINGLE:
        path = session.installation.path(folder)
        for entry in session.files.list(path):
            name = entry.name.lower()
            if not entry.is_directory and name.endswith(".log") and name.startswith(prefixes):
                session.delete_file(join(path, entry.name))
