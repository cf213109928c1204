"""Link keys of paired devices go, and the rest of what the driver keeps stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reseal.proof.hits import Hit, Place
from reseal.proof.identity import Kind
from reseal.proof.judgement import Context, Verdict, judge
from reseal.testing.machine import Machine
from tests.builders import effect
from tests.providers.judge import WINDOWS_7_DOMAIN, WINDOWS_10, real, run
from tests.providers.judge import judge as judged

ADAPTER, DEVICE = "28e347017777", "a4c3f0123456"
KEPT: dict[str, Any] = {"PnpId": {"RFCOMM": "MS_RFCOMM"}, "Policy": {"PM_AllowBluetooth": 2}}
BTHPORT = r"ControlSet001\Services\BTHPORT\Parameters"


def machine(parameters: dict[str, Any]) -> Machine:
    services = {"BTHPORT": {"Parameters": parameters | KEPT}}
    return Machine(system={"ControlSet001": {"Services": services}})


@pytest.mark.parametrize(
    "parameters",
    [
        {"Keys": {ADAPTER: {DEVICE: b"k" * 16}}},
        # Low energy devices have a key of their own (reported).
        {"Keys": {ADAPTER: {DEVICE: {"LTK": b"k" * 16, "IRK": b"i" * 16}}}},
        {"Keys": {ADAPTER: {}, DEVICE: {}}, "Devices": {DEVICE: {"Name": b"Headset\0"}}},
    ],
)
def test_the_keys_go_and_nothing_else(parameters: dict[str, Any]) -> None:
    changed = {one.lower() for one in effect("bluetooth-pairings", machine(parameters)).changes}
    expected = {
        rf"\{BTHPORT}\{folder}\{name}".lower()
        for folder, keys in parameters.items()
        for name in keys
    }
    assert changed
    for one in changed:
        assert any(each in one for each in expected), one


@pytest.mark.parametrize("parameters", [{}, {"Keys": {}, "Devices": {}}])
def test_a_machine_without_pairings_stays_as_it_is(parameters: dict[str, Any]) -> None:
    assert effect("bluetooth-pairings", machine(parameters)).changes == set()


@pytest.mark.corpus
@pytest.mark.parametrize(("name", "count"), [(WINDOWS_10, 1), (WINDOWS_7_DOMAIN, 0)])
def test_on_real_hives(name: str, count: int, corpus: Path) -> None:
    one = real(corpus, name)
    assert len(run("bluetooth-pairings", one)) == count
    judged(one)


@pytest.mark.parametrize(
    ("key", "verdict"),
    [
        (rf"{BTHPORT}\Keys\{ADAPTER}", Verdict.LEFT_BEHIND),
        (r"ControlSet001\Enum\SWD\RADIO\Bluetooth_28e347017777", Verdict.HARMLESS),
    ],
)
def test_verify_tells_a_link_key_from_a_device(key: str, verdict: Verdict) -> None:
    hit = Hit(
        Kind.MAC, "28-E3-47-01-77-77", "text (ASCII)", Place.KEY,
        r"Windows\System32\config\SYSTEM", rf"HKLM\SYSTEM\{key}",
    )  # fmt: skip
    assert judge(hit, Context(new_sid_pending=True, hives=frozenset())).verdict is verdict
