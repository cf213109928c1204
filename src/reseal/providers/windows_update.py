"""The identity of the Windows Update client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider

if TYPE_CHECKING:
    from reseal.session import Session

WINDOWS_UPDATE = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate"
IDS = ("AccountDomainSid", "PingID", "SusClientId", "SusClientIdValidation")


@provider(
    "windows-update",
    "Delete the ids of the Windows Update client",
    mark=Mark.REPORTED,
    source="scripts of several administrators that make cloned clients register at WSUS again; that "
    "GeneralizeForImaging does the same: inferred from its name",
    entry_points=("wuaueng.dll,GeneralizeForImaging",),
    identity="the ids of the Windows Update client",
)
def windows_update(session: Session) -> None:
    r"""The ids by which Windows Update and WSUS know the machine.

    `SusClientId` and related values under `CurrentVersion\WindowsUpdate` identify the client. Clones that
    share them replace each other on a WSUS server. reseal deletes them; the client generates new ones
    with its next request. The update store (`SoftwareDistribution`, with checksums in its database)
    stays.
    """
    for name in IDS:
        session.delete_value(WINDOWS_UPDATE, name)
