"""The DHCPv6 identifier and the last DHCP answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider

if TYPE_CHECKING:
    from reseal.session import Session

TCPIP = r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"
TCPIP6 = r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip6\Parameters"
#: The last answers of DHCP servers; they name the client and its adapter (seen: 1709).
_ANSWERS = ((TCPIP, "DhcpInterfaceOptions"), (TCPIP6, "Dhcpv6InterfaceOptions"))


@provider(
    "dhcpv6-duid",
    "Delete the DHCPv6 unique identifier and the last answers of DHCP servers",
    mark=Mark.REPORTED,
    source="interoperability notes on dhcpcsvc.dll: DhcpClient_Generalize deletes this one value",
    entry_points=("dhcpcsvc.dll,DhcpClient_Generalize",),
)
def dhcp(session: Session) -> None:
    r"""The identifier with which the machine requests an IPv6 address.

    Clones that share it get the same address. Sysprep deletes `Dhcpv6DUID` in
    `Services\Tcpip6\Parameters`, and the DHCP client generates a new one; reseal does the same in every
    control set.

    reseal also deletes the last answers of DHCP servers (`DhcpInterfaceOptions`,
    `Dhcpv6InterfaceOptions` of every interface), which contain the machine's name and MAC address. The
    client asks again at every boot (inferred).
    """
    session.delete_value(TCPIP6, "Dhcpv6DUID")
    with session.acting("dhcpv6-duid", Mark.INFERRED):
        for parameters, name in _ANSWERS:
            for control_set in session.registry.control_sets:
                path = parameters.replace("CurrentControlSet", control_set) + r"\Interfaces"
                for interface in session.registry.subkeys(path):
                    session.delete_value(rf"{path}\{interface.name}", name)
