"""The computer's name goes from every place where Windows keeps a copy of it."""

from __future__ import annotations

import struct

import pytest

from reseal.providers.computer_name import computer_name
from reseal.testing.machine import Machine
from reseal.windows.identity import COMPUTER_NAME
from tests.builders import effect, session

PRESET = r"HKLM\SYSTEM\Setup\DJOIN"

CONTAINER = (
    r"Control\DeviceContainers\{00000000-0000-0000-FFFF-FFFFFFFFFFFF}\Properties"
    r"\{656a3bb3-ecc0-43fd-8477-4ae0404a96cd}\3000"
)
#: The type of a device property that is a text (seen).
PROPERTY_TEXT = 0xFFFF0012


def _machine(container: str) -> Machine:
    data = (PROPERTY_TEXT, container.encode("utf-16-le") + b"\0\0")
    spec: object = {"": data}
    for part in reversed(CONTAINER.split("\\")):
        spec = {part: spec}
    assert isinstance(spec, dict)
    return Machine(system={"ControlSet001": spec})


def test_the_account_domain_gets_the_same_name() -> None:
    after = effect("computer-name").after.registry
    key = after.key(r"HKLM\SECURITY\Policy\PolAcDmN")
    value = key.value("") if key else None
    assert value
    length, longest, place = struct.unpack_from("<HHI", value.data)
    name = value.data[place : place + length].decode("utf-16-le")
    assert (length, longest, place) == (30, 32, 8)
    path = r"HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName"
    assert name == after.text(path, "ComputerName")


def test_the_container_that_is_the_computer_gets_it_and_keeps_its_type() -> None:
    done = effect("computer-name", _machine("DESKTOP-SAMPLE1"))
    key = done.after.registry.key(rf"HKLM\SYSTEM\ControlSet001\{CONTAINER}")
    value = key.value("") if key else None
    assert value
    assert value.type == PROPERTY_TEXT
    assert value.data.decode("utf-16-le").startswith("WIN-")


def test_a_container_of_another_name_stays() -> None:
    done = effect("computer-name", _machine("A printer"))
    assert not [path for path in done.changes if "DeviceContainers" in path]


def test_the_name_is_no_longer_a_preset_one() -> None:
    """Setup would keep a preset name, and with it the random one for every clone."""
    machine = Machine(system={"Setup": {"DJOIN": {"DismComputerNameSet": 1}}})
    done = effect("computer-name", machine)
    assert r"SYSTEM\Setup\DJOIN\DismComputerNameSet" in done.changes
    assert done.after.registry.number(PRESET, "DismComputerNameSet") is None
    assert done.after.registry.key(PRESET) is not None


@pytest.mark.parametrize("sets", [(1,), (1, 2)])
def test_the_event_log_remembers_the_new_name(sets: tuple[int, ...]) -> None:
    services = {"Services": {"EventLog": {"State": {"LastComputerName": "DESKTOP-SAMPLE1"}}}}
    system = {f"ControlSet{number:03}": services for number in sets}
    one = session(Machine(control_sets=sets, system=system))
    computer_name(one)
    new = one.registry.text(COMPUTER_NAME, "ComputerName")
    for number in sets:
        path = rf"HKLM\SYSTEM\ControlSet{number:03}\Services\EventLog\State"
        assert one.registry.text(path, "LastComputerName") == new
    assert new != "DESKTOP-SAMPLE1"


@pytest.mark.parametrize(
    ("cached", "left"),
    [
        ("DESKTOP-SAMPLE1$@corp.example", "{}$@corp.example"),
        ("desktop-sample1.corp.example", "{}.corp.example"),
        ("DESKTOP-SAMPLE10$@corp.example", "DESKTOP-SAMPLE10$@corp.example"),
    ],
)
def test_names_that_lsa_caches_follow(cached: str, left: str) -> None:
    lsa = {"Lsa": {"CachedMachineNames": {"NameUserPrincipal": cached}}}
    one = session(Machine(system={"ControlSet001": {"Control": lsa}}))
    computer_name(one)
    new = one.registry.text(COMPUTER_NAME, "ComputerName")
    path = r"HKLM\SYSTEM\ControlSet001\Control\Lsa\CachedMachineNames"
    assert one.registry.text(path, "NameUserPrincipal") == left.format(new)
