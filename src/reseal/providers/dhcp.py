"""The DHCPv6 unique identifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.providers.declaration import provider
from reseal.session import Mark

if TYPE_CHECKING:
    from reseal.session import Session

TCPIP6 = r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip6\Parameters"


@provider(
    "dhcpv6-duid",
    "Delete the DHCPv6 unique identifier",
    mark=Mark.REPORTED,
    source="interoperability notes on dhcpcsvc.dll: DhcpClient_Generalize deletes this one value",
    entry_points=("dhcpcsvc.dll,DhcpClient_Generalize",),
)
def dhcp(session: Session) -> None:
    r"""The identifier under which the machine asks for an IPv6 address.

    Clones that share it get one address. Sysprep deletes `Dhcpv6DUID` in
    `Services\Tcpip6\Parameters`, and the DHCP client makes a new one; reseal does the same in every
    control set.
    """
    session.delete_value(TCPIP6, "Dhcpv6DUID")
