"""Windows Error Reporting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.places import delete_matching, empty, profiles
from reseal.tree import join

if TYPE_CHECKING:
    from reseal.session import Session

MACHINE = r"ProgramData\Microsoft\Windows\WER"
USER = r"AppData\Local\Microsoft\Windows\WER"
_QUEUES = ("ReportQueue", "ReportArchive", "Temp")
#: Below a profile.
_USER_DUMPS = r"AppData\Local\CrashDumps"
#: Below Windows.
_DUMPS = ("MEMORY.DMP", r"Minidump\*.dmp", r"LiveKernelReports\*.dmp")


@provider(
    "error-reporting",
    "Delete error reports and crash dumps",
    mark=Mark.INFERRED,
    source="places of queues and dumps: documented (Microsoft, Collecting User-Mode Dumps; Memory dump "
    "file options) and seen in reports; that Sysprep deletes them: inferred from its entry points",
    entry_points=("wer.dll,WerSysprepGeneralize", "wer.dll,WerSysprepCleanup"),
)
def error_reporting(session: Session) -> None:
    r"""Reports of crashes on the old machine, with parts of its memory.

    Reports wait in queues under `ProgramData` and in every profile. Dumps of programs are kept in the
    profiles, dumps of the system in the Windows folder. They may hold passwords and keys, and every
    clone would send them. reseal deletes them and keeps the folders.
    """
    windows = session.installation.root
    for folder in (MACHINE, *(join(profile, USER) for profile in profiles(session))):
        for queue in _QUEUES:
            empty(session, join(folder, queue))
    for profile in profiles(session):
        delete_matching(session, join(profile, _USER_DUMPS, "*.dmp"))
    for pattern in _DUMPS:
        delete_matching(session, join(windows, pattern))
