r"""What DHCP gave to the machine.

The DHCP client keeps a lease in the values of an interface, and of each wireless network in a subkey of
it; name servers and domain of the last lease stand beside them for the whole machine. Names:
documented (Microsoft, "TCP/IP and NBT configuration parameters", KB314053) and seen. Addresses that a
person has set stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reseal.session import Session

_PROTOCOLS = ("Tcpip", "Tcpip6")
_LEASE = frozenset({"lease", "leaseobtainedtime", "leaseterminatestime", "t1", "t2"})
_PREFIX = "dhcp"
#: Values that begin like those of a lease and are settings, or another provider's.
_KEPT = frozenset({"dhcpconnforcebroadcastflag", "dhcpv6duid"})


def forget_leases(session: Session, root: str) -> None:
    """Stage it for every interface that is left and for the machine as a whole."""
    for protocol in _PROTOCOLS:
        parameters = rf"{root}\Services\{protocol}\Parameters"
        _forget(session, parameters)
        interfaces = session.registry.key(rf"{parameters}\Interfaces")
        for interface in list(interfaces.subkeys()) if interfaces else ():
            path = rf"{parameters}\Interfaces\{interface.name}"
            _forget(session, path)
            for network in list(interface.subkeys()):
                session.delete_key(rf"{path}\{network.name}")


def _forget(session: Session, path: str) -> None:
    key = session.registry.key(path)
    for value in list(key.values()) if key else ():
        name = value.name.lower()
        if name in _LEASE or (name.startswith(_PREFIX) and name not in _KEPT):
            session.delete_value(path, value.name)
