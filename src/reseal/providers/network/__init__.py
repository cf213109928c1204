"""Network adapters, their bindings and their leases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.network.adapters import forget_adapters, gone_adapters
from reseal.providers.network.bindings import prune_bindings
from reseal.providers.network.leases import forget_leases

if TYPE_CHECKING:
    from reseal.session import Session

__all__ = ["network"]


@provider(
    "network",
    "Forget absent network adapters, with their bindings and leases",
    mark=Mark.INFERRED,
    source="places: seen in real SYSTEM hives of Windows 7 and 10; that Sysprep generalizes them: seen "
    "(entry points), and reported for cloned bindings of Windows 10 22H2; what exactly it removes: "
    "inferred",
    entry_points=("spnet.dll,Sysprep_Generalize_Net", "iphlpsvc.dll,IphlpsvcSysprepGeneralize"),
)
def network(session: Session) -> None:
    r"""Settings of network adapters that the next machine does not have.

    Every adapter has a GUID. Dozens of keys hold its connection, addresses, DHCP leases, name servers and
    the settings of every filter under that GUID, and every protocol lists the paths down to the adapter.
    Clones show each other's connections, get names such as `Ethernet 2`, and carry the old addresses.

    Sysprep generalizes the network configuration. reseal forgets the adapters whose device is gone (the
    provider `pnp` removes it): `Control\Network`, NetworkSetup2, the interfaces of TCP/IP, NetBT and
    IP Helper, and the settings of filters. It removes their entries from the lists Bind, Export and Route
    of every Linkage and renumbers nothing. Leases are removed from the interfaces that stay. The keys of
    network clients, services and protocols, the catalogue of Winsock, `Control\Nsi`, and Windows 7's binary
    `Control\Network` `Config` are not touched, since Windows rebuilds or renumbers them itself.
    """
    for control_set in session.registry.control_sets:
        root = rf"HKLM\SYSTEM\{control_set}"
        gone = gone_adapters(session, root)
        if gone:
            prune_bindings(session, root, gone)
            forget_adapters(session, root, gone)
        forget_leases(session, root)
