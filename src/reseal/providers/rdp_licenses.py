"""Remote Desktop: the client's licenses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider

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
    "RDS CALs are issued to the same device: the client makes a new MSLicensing when it connects; that "
    "the entry point stands for it: inferred from its component, TerminalServices-ClientActiveXCore",
    entry_points=("tssysprep.dll,RdpSysPrepGeneralize",),
)
def rdp_licenses(session: Session) -> None:
    r"""Under which id a license server knows this machine as a client.

    `SOFTWARE\Microsoft\MSLicensing` has `HardwareID` with a random id and `Store` with a license from each
    server. Clones count as one device and lose their licenses to one another.

    Sysprep generalizes the client. reseal deletes the values of HardwareID and the licenses in Store;
    the keys stay with their permissions, without which only an administrator could connect at first.
    """
    for path in LICENSING:
        hardware = session.registry.key(rf"{path}\HardwareID")
        for value in list(hardware.values()) if hardware else ():
            session.delete_value(rf"{path}\HardwareID", value.name)
        store = session.registry.key(rf"{path}\Store")
        for license_ in list(store.subkeys()) if store else ():
            session.delete_key(rf"{path}\Store\{license_.name}")
