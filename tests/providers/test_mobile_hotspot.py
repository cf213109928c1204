from __future__ import annotations

from reseal.testing.machine import Machine
from tests.builders import effect

SERVICE = r"SYSTEM\ControlSet001\Services\icssvc"


def test_name_and_key_go_and_all_else_stays() -> None:
    service = {
        "Start": 3,
        "Settings": {"PrivateConnectionSettings": b"\1", "PublicConnectionSettings": b"\2"},
        "Roaming": {"Profile": {"SSID": b"DESKTOP-SAMPLE1 8262", "Key": b"secret", "Version": 1}},
    }
    machine = Machine(system={"ControlSet001": {"Services": {"icssvc": service}}})
    assert effect("mobile-hotspot", machine).changes == {
        rf"{SERVICE}\Settings\PrivateConnectionSettings",
        rf"{SERVICE}\Roaming\Profile\SSID",
        rf"{SERVICE}\Roaming\Profile\Key",
    }


def test_a_machine_without_one_is_left_alone() -> None:
    assert effect("mobile-hotspot").changes == set()
