r"""The virtio drivers added to real machines, judged by other readers."""

from __future__ import annotations

from pathlib import Path

import pytest

from reseal.drivers import Outcome, add_packages
from reseal.drivers.boot import BootDrivers
from reseal.testing.drivers import executable
from reseal.testing.machine import Machine
from tests.builders import difference, state
from tests.drivers.stamped import stamped
from tests.providers.judge import WINDOWS_7_DOMAIN, WINDOWS_10, judge, real

IDS = {
    "viostor": (r"PCI\VEN_1AF4&DEV_1001&SUBSYS_00021AF4&REV_00", r"PCI\VEN_1AF4&DEV_1042"),
    "vioscsi": (r"PCI\VEN_1AF4&DEV_1004&SUBSYS_00081AF4&REV_00", r"PCI\VEN_1AF4&DEV_1048"),
}


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("hives", "machine", "reader"),
    [
        (WINDOWS_10, Machine(build=16299, version="1709"), "regipy"),
        (
            WINDOWS_7_DOMAIN,
            Machine(
                build=7601,
                product="Windows 7 Professional",
                architecture="x86",
                software={
                    "Microsoft": {"Windows NT": {"CurrentVersion": {"CurrentVersion": "6.1"}}}
                },
            ),
            "hivex",
        ),
    ],
    ids=["Windows 10", "Windows 7"],
)
def test_virtio_drivers_are_added_and_nothing_else_changes(
    corpus: Path, tmp_path: Path, hives: str, machine: Machine, reader: str
) -> None:
    architecture = "x86" if hives == WINDOWS_7_DOMAIN else "amd64"
    for name in IDS:
        source = corpus / "inf" / "kvm-guest-drivers-windows" / name / f"{name}.inx"
        text = stamped(source, decoration=f"{architecture}.6.1")
        (tmp_path / f"{name}.inf").write_bytes(text)
        (tmp_path / f"{name}.sys").write_bytes(executable(architecture))
        (tmp_path / f"{name}.cat").write_bytes(b"0\x82")
    one = real(corpus, hives, machine)
    before = state(one)
    assert [each.outcome for each in add_packages(one, tmp_path)] == [Outcome.REGISTERED] * 2
    one.verify()
    after = state(one)
    named = {
        part.lower()
        for name in IDS
        for part in (f"Services\\{name}", f"reseal_{name}.inf", "CriticalDeviceDatabase\\PCI#VEN_1AF4",
                     r"DeviceIds\PCI\VEN_1AF4", r"CurrentVersion\DevicePath")
    }  # fmt: skip
    changed = difference(before, after)
    assert len(changed) > 30
    assert [path for path in changed if not any(part in path.lower() for part in named)] == []
    for control_set in one.registry.control_sets:
        drivers = BootDrivers(one.registry, control_set)
        for name, identifiers in IDS.items():
            for identifier in identifiers:
                assert list(drivers.services_for(identifier)) == [name]
            assert drivers.starts(name)
            assert not drivers.switched_off(name)
    judge(one, reader=reader)
