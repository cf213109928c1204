"""On which hardware a Windows ran last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reseal.testing.machine import Machine
from reseal.testing.memory import MemoryTree
from reseal.windows import Installation
from reseal.windows.hardware import Hardware
from tests.builders import session

ID = "{4c4c4544-0042-3210-804d-c4c04f4e3232}"


def recorded(system: dict[str, Any]) -> Hardware:
    """The hardware of a sample machine."""
    return Hardware.of(session(Machine(system=system)).registry)


def firmware(maker: str, product: str) -> dict[str, Any]:
    """What Windows 8 and later record of the last boot, with an older one beside it."""
    facts = {"SystemManufacturer": maker, "SystemProductName": product}
    old = {"SystemManufacturer": "VMware, Inc.", "SystemProductName": "VMware Virtual Platform"}
    return {"HardwareConfig": {"LastConfig": ID, ID: facts, "{0}": old}}


def enum(**buses: dict[str, Any]) -> dict[str, Any]:
    """Devices."""
    return {"ControlSet001": {"Enum": buses}}


@pytest.mark.parametrize(
    ("maker", "product", "hypervisor"),
    [
        ("QEMU", "Standard PC (Q35 + ICH9, 2009)", "QEMU"),
        ("Red Hat", "KVM", "KVM"),
        ("VMware, Inc.", "VMware7,1", "VMware"),
        ("innotek GmbH", "VirtualBox", "VirtualBox"),
        ("Microsoft Corporation", "Virtual Machine", "Hyper-V"),
        ("Xen", "HVM domU", "Xen"),
        ("Amazon EC2", "m5.large", "Amazon EC2"),
        ("Google", "Google Compute Engine", "Google Compute Engine"),
        ("OpenStack Foundation", "OpenStack Nova", "OpenStack"),
        ("Amazon EC2", "m5.metal", None),
        ("Microsoft Corporation", "Surface Pro 9", None),
        ("Dell Inc.", "Latitude E6430", None),
        ("Dell Inc.", "", None),
    ],
)
def test_what_the_firmware_said_at_the_last_boot(
    maker: str, product: str, hypervisor: str | None
) -> None:
    hardware = recorded(firmware(maker, product) | enum(PCI={"VEN_15AD&DEV_0405": {}}))
    assert hardware.hypervisor == hypervisor
    assert hardware.virtual is (hypervisor is not None)
    assert (hardware.manufacturer, hardware.product) == (maker, product)


def test_older_versions_keep_it_elsewhere() -> None:
    information = {"SystemManufacturer": "QEMU", "SystemProductName": "pc"}
    hardware = recorded({"ControlSet001": {"Control": {"SystemInformation": information}}})
    assert hardware.hypervisor == "QEMU"


@pytest.mark.parametrize(
    ("buses", "hypervisor"),
    [
        ({"PCI": {"VEN_8086&DEV_1": {}, "VEN_15AD&DEV_0405&SUBSYS_040515AD": {}}}, "VMware"),
        ({"PCI": {"ven_1af4&dev_1000": {}}}, "VirtIO"),
        ({"PCI": {"VEN_80EE&DEV_BEEF": {}}}, "VirtualBox"),
        ({"VMBUS": {"{f8615163-df3e-46c5-913f-f2d2f965ed0e}": {}}}, "Hyper-V"),
    ],
)
def test_devices_tell_where_the_firmware_is_not_recorded(
    buses: dict[str, Any], hypervisor: str
) -> None:
    hardware = recorded(enum(**buses))
    assert hardware.virtual is True
    assert hardware.hypervisor == hypervisor
    assert hardware.evidence


def test_what_is_not_recorded_is_not_known() -> None:
    assert recorded({}).virtual is None
    assert recorded(enum(VMBUS={})).virtual is None
    assert recorded(enum(PCI={"VEN_8086&DEV_1": {}})).virtual is False


@pytest.mark.parametrize(
    ("machine", "maker", "hypervisor"),
    [("win10-1709", "Dell Inc.", None), ("win7sp1-x86-domain-joined", None, "VMware")],
)
def test_real_machines(
    corpus: Path, machine: str, maker: str | None, hypervisor: str | None
) -> None:
    files = {
        path.name: path.read_bytes() for path in (corpus / "machines" / machine).glob("SYSTEM*")
    }
    tree = MemoryTree({"Windows": {"System32": {"config": files}}})
    hardware = Hardware.of(Installation(tree, "Windows").registry)
    assert (hardware.manufacturer, hardware.hypervisor) == (maker, hypervisor)
