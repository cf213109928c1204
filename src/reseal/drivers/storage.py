r"""Whether an image finds its disk: the drivers for common storage controllers.

| controller | ids of the device | mark, source |
|---|---|---|
| virtio block device | `PCI\VEN_1AF4&DEV_1001`, `DEV_1042` | documented: Virtio specification, PCI Device IDs |
| virtio SCSI | `PCI\VEN_1AF4&DEV_1004`, `DEV_1048` | documented: the same |
| NVMe | `PCI\CC_010802` | documented: PCI class codes; seen |
| SATA (AHCI) | `PCI\CC_010601` | documented; seen |
| IDE of QEMU and VMware | `PCI\VEN_8086&DEV_7010`, `DEV_7111` | documented: PIIX3 and PIIX4; seen |
| VMware PVSCSI | `PCI\VEN_15AD&DEV_07C0` | reported: open-vm-tools, Linux vmw_pvscsi |
| LSI Logic SAS of VMware | `PCI\VEN_1000&DEV_0054` | reported: VMware; seen |
| Hyper-V | `VMBUS\{ba6163d9-04a1-4d29-b605-72e2ffb1dc7f}`, on the bus `ACPI\VMBus` | seen; reported: Linux hv_storvsc |

A driver counts if the kernel's database gives the device a service that starts at boot and whose file
exists. It counts as switched off if Windows disabled it on its last hardware (StartOverride; in Windows 7
`Start` 3); generalizing enables it again. Real devices also have longer ids, so a driver for one specific
model counts if its id begins with one of these.
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from reseal.drivers.boot import CRITICAL_DEVICES, DRIVER_DATABASE, BootDrivers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reseal.windows.registry import Registry

#: How many ids below an enumerator are searched for longer ones.
_MAX_IDS = 100_000


class Ready(StrEnum):
    """Whether a controller's driver starts at boot."""

    STARTS = "starts"
    SWITCHED_OFF = "switched off"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Controller:
    """A kind of storage controller.

    Attributes:
        name: its common name.
        machines: the machines that have it.
        ids: device ids, of which a device has one.
        bus: the id of the bus that it is attached to, if that needs its own driver.
    """

    name: str
    machines: str
    ids: tuple[str, ...]
    bus: str | None = None


VIRTIO_BLOCK = Controller(
    "virtio block (viostor)", "KVM", (r"PCI\VEN_1AF4&DEV_1001", r"PCI\VEN_1AF4&DEV_1042")
)
VIRTIO_SCSI = Controller(
    "virtio SCSI (vioscsi)", "KVM", (r"PCI\VEN_1AF4&DEV_1004", r"PCI\VEN_1AF4&DEV_1048")
)
CONTROLLERS = (
    VIRTIO_BLOCK,
    VIRTIO_SCSI,
    Controller("NVMe", "any", (r"PCI\CC_010802",)),
    Controller("SATA (AHCI)", "any", (r"PCI\CC_010601",)),
    Controller("IDE", "KVM, VMware", (r"PCI\VEN_8086&DEV_7010", r"PCI\VEN_8086&DEV_7111")),
    Controller("VMware PVSCSI", "VMware", (r"PCI\VEN_15AD&DEV_07C0",)),
    Controller("LSI Logic SAS", "VMware", (r"PCI\VEN_1000&DEV_0054",)),
    Controller(
        "Hyper-V (storvsc)",
        "Hyper-V",
        (r"VMBUS\{ba6163d9-04a1-4d29-b605-72e2ffb1dc7f}",),
        bus=r"ACPI\VMBus",
    ),
)


@dataclass(frozen=True, slots=True)
class Driver:
    """An image's drivers for a controller.

    Attributes:
        controller: the controller.
        ready: whether its driver starts at boot.
        services: the drivers.
    """

    controller: Controller
    ready: Ready
    services: tuple[str, ...]


def storage_drivers(registry: Registry, exists: Callable[[str], bool]) -> list[Driver]:
    """Return the image's drivers for each of `CONTROLLERS`, in order; empty without a driver database.

    Only the control set of the next boot counts.

    Args:
        registry: the image's registry.
        exists: returns whether the image has a file.

    Raises:
        ImageError: the SYSTEM hive is damaged.
    """
    control_sets = registry.control_sets
    if not control_sets:
        return []
    drivers = BootDrivers(registry, control_sets[0])
    if not drivers.known:
        return []
    listed = _listed(registry, control_sets[0])
    return [_driver(one, drivers, listed, exists) for one in CONTROLLERS]


def other_drivers(
    registry: Registry, exists: Callable[[str], bool], known: list[Driver]
) -> list[str]:
    """Return the drivers of other storage adapters that start at boot.

    Args:
        registry: the image's registry.
        exists: returns whether the image has a file.
        known: the drivers that `storage_drivers` found.
    """
    drivers = BootDrivers(registry, registry.control_sets[0])
    named = {service.lower() for one in known for service in one.services}
    return [
        name
        for name in drivers.storage()
        if name.lower() not in named and exists(drivers.file(name) or "")
    ]


def _driver(
    one: Controller, drivers: BootDrivers, listed: list[str], exists: Callable[[str], bool]
) -> Driver:
    found = [_state(list(_ids(identifier, listed)), drivers, exists) for identifier in one.ids]
    if one.bus:
        bus, services = _state([one.bus], drivers, exists)
        found = [(_worse(bus, ready), (*services, *names)) for ready, names in found]
    for wanted in (Ready.STARTS, Ready.SWITCHED_OFF):
        named = dict.fromkeys(n for ready, names in found if ready is wanted for n in names)
        if named:
            return Driver(one, wanted, tuple(named))
    return Driver(one, Ready.MISSING, ())


def _state(
    ids: list[str], drivers: BootDrivers, exists: Callable[[str], bool]
) -> tuple[Ready, tuple[str, ...]]:
    services = {
        service.lower(): service
        for identifier in ids
        for service in drivers.services_for(identifier)
        if exists(drivers.file(service) or "")
    }
    off = tuple(one for one in services.values() if drivers.switched_off(one))
    starting = tuple(one for one in services.values() if drivers.starts(one) and one not in off)
    if starting:
        return Ready.STARTS, starting
    return (Ready.SWITCHED_OFF, off) if off else (Ready.MISSING, ())


def _worse(one: Ready, other: Ready) -> Ready:
    order = list(Ready)
    return max(one, other, key=order.index)


def _ids(wanted: str, listed: list[str]) -> Iterator[str]:
    """Yield an id, and the longer ones of the same device."""
    yield wanted
    if not wanted.startswith("PCI\\CC_"):
        start = wanted.lower() + "&"
        yield from (one for one in listed if one.lower().startswith(start))


def _listed(registry: Registry, control_set: str) -> list[str]:
    """Return the ids of PCI devices in the kernel's databases."""
    found: list[str] = []
    pci = registry.key(rf"{DRIVER_DATABASE}\DeviceIds\PCI")
    for one in pci.subkeys() if pci else ():
        if len(found) >= _MAX_IDS:
            break
        found.append(rf"PCI\{one.name}")
    critical = registry.key(rf"HKLM\SYSTEM\{control_set}\{CRITICAL_DEVICES}")
    for one in critical.subkeys() if critical else ():
        if len(found) >= _MAX_IDS:
            break
        if one.name.lower().startswith("pci#"):
            found.append(one.name.replace("#", "\\"))
    return found
