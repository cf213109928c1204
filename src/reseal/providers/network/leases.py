r"""DHCP leases.

The DHCP client keeps a lease in the values of an interface, and that of each wireless network in a
subkey. Name servers and domain of the last lease are also kept for the whole machine. Names: documented
(Microsoft, "TCP/IP and NBT configuration parameters", KB314053) and seen. Addresses set by hand stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reseal.session import Session

_PROTOCOLS = ("Tcpip", "Tcpip6")
_LEASE = frozenset({"lease", "leaseobtainedtime", "leaseterminatestime", "t1", "t2"})
_PREFIX = "dhcp"
#: Values with the prefix of a lease that are settings, or belong to another provider.
_KEPT = frozenset({"dhcpconnforcebroadcastflag", "dhcpv6duid"})


def forget_leases(session: Session, root: str) -> None:
    """Stage the removal of leases from every remaining interface and from the machine's values."""
    for protocol in _PROTOCOLS:
        parameters = rf"{root}\Services\{protocol}\Parameters"
        _forget(session, parameters)
        for interface in session.registry.subkeys(rf"{parameters}\Interfaces"):
            path = rf"{parameters}\Interfaces\{interface.name}"
            _forget(session, path)
            for network in list(interface.subkeys()):
                session.delete_key(rf"{path}\{network.name}")


def _forget(session: Session, path: str) -> None:
    for value in session.registry.values(path):
        name = value.name.lower()
        if name in _LEASE or (name.startswith(_PREFIX) and name not in _KEPT):
            session.delete_value(path, value.name)
