"""Remote Desktop: the client's licenses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.places import delete_subkeys

if TYPE_CHECKING:
    from reseal.session import Session

LICENSING = (
    r"HKLM\SOFTWARE\Microsoft\MSLicensing",
    r"HKLM\SOFTWARE\WOW6432Node\Microsoft\MSLicensing",
)


@provider(
    "rdp-licenses",
    "Forget the hardware id and licenses of the Remote Desktop client",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Terminal Services event 1003, and Ask the Performance Team, Multiple per device "
    "RDS CALs are issued to the same device: the client creates MSLicensing again when it connects; "
    "that the entry point does this: inferred from its component, TerminalServices-ClientActiveXCore",
    entry_points=("tssysprep.dll,RdpSysPrepGeneralize",),
)
def rdp_licenses(session: Session) -> None:
    r"""The id under which a license server knows this machine as a client.

    `SOFTWARE\Microsoft\MSLicensing` holds a random id in `HardwareID` and a license from each server in
    `Store`. Clones count as one device and take licenses from one another.

    Sysprep generalizes the client. reseal deletes the values of HardwareID and the licenses in Store.
    The keys stay with their permissions; without them, the first connection would need an administrator.
    """
    for path in LICENSING:
        for value in session.registry.values(rf"{path}\HardwareID"):
            session.delete_value(rf"{path}\HardwareID", value.name)
        delete_subkeys(session, rf"{path}\Store")
