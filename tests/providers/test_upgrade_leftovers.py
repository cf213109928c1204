"""What an upgrade remembers of the old hardware goes, and nothing else below Upgrade."""

from __future__ import annotations

from typing import Any

import pytest

from reseal.providers.upgrade_leftovers import upgrade_leftovers
from reseal.testing.machine import Machine
from tests.builders import difference, session, state

DEVICE = {"Devices": {r"PCI\VEN_1AF4&DEV_1000": {"MAC": b"\x52\x54\0\x12\x34\x56"}}}
MIGRATION = r"PnP\CurrentControlSet\Control\DeviceMigration"
KEPT = {
    "Setup": {"Version": "10.0"},
    r"PnP\CurrentControlSet\Control\Other": {"a": 1},
    r"NetworkDriverBackups": {"a": 1},
    "Value": 1,
}


@pytest.mark.parametrize(
    "subtree",
    ["NetworkDriverBackup", "networkdriverbackup", MIGRATION, MIGRATION.lower(), "Bluetooth"],
)
def test_a_subtree_goes_and_its_siblings_stay(subtree: str) -> None:
    upgrade: dict[str, Any] = {subtree: DEVICE, **KEPT}
    one = session(Machine(system={"Setup": {"Upgrade": upgrade}}))
    before = state(one)
    upgrade_leftovers(one)
    one.verify()
    changed = difference(before, state(one))
    assert changed
    prefix = rf"SYSTEM\Setup\Upgrade\{subtree}".lower()
    assert {path.lower().startswith(prefix) for path in changed} == {True}
    for name in KEPT:
        key = one.registry.key(r"HKLM\SYSTEM\Setup\Upgrade")
        assert key
        assert key.value(name) or one.registry.key(rf"HKLM\SYSTEM\Setup\Upgrade\{name}")


def test_an_installation_that_was_never_upgraded_stays_as_it_is() -> None:
    one = session()
    before = state(one)
    upgrade_leftovers(one)
    assert difference(before, state(one)) == set()
    assert one.changes == []
