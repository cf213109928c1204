r"""Fixed addresses of network adapters, which copies on the same hypervisor would share.

| what | where | mark, source |
|---|---|---|
| IPv4 addresses set by hand | `Services\Tcpip\Parameters\Interfaces\{…}`: EnableDHCP 0, IPAddress, SubnetMask, DefaultGateway, DefaultGatewayMetric | documented: Microsoft, TCP/IP and NBT configuration parameters (KB314053) |
| a MAC address set by hand | `Control\Class\{4d36e972-…}\NNNN` `NetworkAddress` | documented: the setting of network drivers |

IPv6 addresses set by hand are kept in binary data of `Control\Nsi`, whose layout is not documented; they are
not looked for.
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.windows.values import strings, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.windows.registry import Registry

_ADAPTER_CLASS = r"Control\Class\{4d36e972-e325-11ce-bfc1-08002be10318}"
_INTERFACES = r"Services\Tcpip\Parameters\Interfaces"
NETWORK_ADDRESS = "NetworkAddress"
#: Values that describe an address set by hand.
FIXED_VALUES = ("IPAddress", "SubnetMask", "DefaultGateway", "DefaultGatewayMetric")
ENABLE_DHCP = "EnableDHCP"
_NONE = {"", "0.0.0.0"}  # noqa: S104  what Windows writes for no address


@dataclass(frozen=True, slots=True)
class FixedAddress:
    """An address that was set by hand.

    Attributes:
        path: the registry key of the adapter, in its control set.
        shown: the addresses, as a person knows them.
        mac: whether it is a MAC address.
    """

    path: str
    shown: str
    mac: bool


def fixed_addresses(registry: Registry) -> Iterator[FixedAddress]:
    """Yield the fixed addresses of the adapters that each control set has."""
    for control_set in registry.control_sets:
        root = rf"HKLM\SYSTEM\{control_set}"
        present = set()
        for adapter in registry.subkeys(rf"{root}\{_ADAPTER_CLASS}"):
            present.add((text(adapter, "NetCfgInstanceId") or "").upper())
            address = text(adapter, NETWORK_ADDRESS)
            if address:
                yield FixedAddress(rf"{root}\{_ADAPTER_CLASS}\{adapter.name}", address, mac=True)
        for interface in registry.subkeys(rf"{root}\{_INTERFACES}"):
            path = rf"{root}\{_INTERFACES}\{interface.name}"
            given = [one for one in strings(interface, FIXED_VALUES[0]) if one not in _NONE]
            by_dhcp = registry.number(path, ENABLE_DHCP) != 0
            if given and not by_dhcp and interface.name.upper() in present:
                yield FixedAddress(path, ", ".join(given), mac=False)
