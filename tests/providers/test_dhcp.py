from __future__ import annotations

from reseal.testing.machine import Machine
from tests.builders import effect


def test_the_last_answers_go_from_every_interface_and_control_set() -> None:
    answers = {
        "Tcpip": {"Parameters": {"Interfaces": {
            "{1}": {"DhcpInterfaceOptions": b"\1", "EnableDHCP": 1},
            "{2}": {"EnableDHCP": 0, "IPAddress": "192.0.2.1"},
        }}},
        "Tcpip6": {"Parameters": {"Interfaces": {"{1}": {"Dhcpv6InterfaceOptions": b"\1"}}}},
    }  # fmt: skip
    sets = {name: {"Services": answers} for name in ("ControlSet001", "ControlSet002")}
    done = effect("dhcpv6-duid", Machine(control_sets=(1, 2), system=sets))
    services = [rf"SYSTEM\{name}\Services" for name in sets]
    assert done.changes == {
        *(rf"{one}\Tcpip6\Parameters\Dhcpv6DUID" for one in services),
        *(rf"{one}\Tcpip\Parameters\Interfaces\{{1}}\DhcpInterfaceOptions" for one in services),
        *(rf"{one}\Tcpip6\Parameters\Interfaces\{{1}}\Dhcpv6InterfaceOptions" for one in services),
    }
