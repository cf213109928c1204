"""The index of Windows Search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.places import empty

if TYPE_CHECKING:
    from reseal.session import Session

WINDOWS_SEARCH = r"HKLM\SOFTWARE\Microsoft\Windows Search"
_COMPLETED = "SetupCompletedSuccessfully"
INDEX = r"ProgramData\Microsoft\Search\Data\Applications\Windows"


@provider(
    "windows-search",
    "Delete the search index so that Windows rebuilds it",
    mark=Mark.REPORTED,
    source="interoperability notes on mssrch.dll: MSSrch_SysPrep_Cleanup clears the index and sets "
    "SetupCompletedSuccessfully to 0; place of the index: seen in many systems",
    entry_points=("mssrch.dll,MSSrch_SysPrep_Cleanup",),
)
def windows_search(session: Session) -> None:
    r"""Names and contents of the old machine's files.

    The index (`Windows.edb`, or `Windows.db` on Windows 11) holds paths with user names, SIDs and parts
    of documents. Sysprep clears it and sets `SetupCompletedSuccessfully` to 0, so that the service builds
    a new one. reseal does the same; it deletes the files and does not edit them, since their pages carry
    checksums.
    """
    if session.registry.value(WINDOWS_SEARCH, _COMPLETED) is not None:
        session.set_number(WINDOWS_SEARCH, _COMPLETED, 0)
    empty(session, INDEX)
