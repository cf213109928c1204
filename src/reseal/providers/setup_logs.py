"""Logs of Setup, Sysprep and servicing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.tree import join

if TYPE_CHECKING:
    from reseal.session import Session

#: Folders below Windows whose logs go, with those below them.
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
    r"""What Setup wrote while it made the old machine.

    Logs under `Panther`, `System32\Sysprep\Panther`, `Logs\CBS` and `Logs\DISM` and
    `inf\setupapi.*.log` name the machine, its accounts and devices. They go. Answer files in Panther
    stay: a later run without an answer file of its own uses the cached one.
    """
    for folder in _FOLDERS:
        _clear(session, session.installation.path(folder))
    for folder, prefixes in _SINGLE:
        path = session.installation.path(folder)
        for entry in session.files.list(path):
            name = entry.name.lower()
            if not entry.is_directory and name.endswith(".log") and name.startswith(prefixes):
                session.delete_file(join(path, entry.name))


def _clear(session: Session, top: str) -> None:
    pending = [(top, 0)]
    while pending:
        folder, depth = pending.pop()
        for entry in session.files.list(folder):
            name = entry.name.lower()
            if entry.is_directory:
                if depth < _DEPTH:
                    pending.append((join(folder, entry.name), depth + 1))
            elif name.endswith(_SUFFIXES) or name in _NAMES:
                session.delete_file(join(folder, entry.name))
