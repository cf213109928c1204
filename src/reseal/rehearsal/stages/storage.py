"""The storage stack: from the bus to the volume of Windows."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from reseal.drivers.boot import BOOT_START, CRITICAL_DEVICES, DRIVER_DATABASE, service_file
from reseal.errors import ImageError
from reseal.mark import Mark
from reseal.regf import Key
from reseal.rehearsal import machines, sources
from reseal.rehearsal.declaration import Fact, passes, stage, stops, unknown
from reseal.rehearsal.machines import HostDevice, Machine
from reseal.rehearsal.walk import Walk
from reseal.tree import join
from reseal.windows.values import number, strings, text

#: Device classes whose filters are in the way to the disk (documented).
CLASSES = {
    "DiskDrive": "{4d36e967-e325-11ce-bfc1-08002be10318}",
    "HDC": "{4d36e96a-e325-11ce-bfc1-08002be10318}",
    "SCSIAdapter": "{4d36e97b-e325-11ce-bfc1-08002be10318}",
    "System": "{4d36e97d-e325-11ce-bfc1-08002be10318}",
    "Volume": "{71a27cdd-812a-11d0-bec7-08002be2092f}",
}
FILTERS = ("UpperFilters", "LowerFilters")
#: Drivers of the stack with the start types that healthy hives have: Microsoft's list (documented), and
#: what its engineers and real hives add (reported, seen).
STACK: dict[str, frozenset[int]] = {
    "ACPI": frozenset({0}),
    "disk": frozenset({0}),
    "volmgr": frozenset({0}),
    "partmgr": frozenset({0, 1}),
    "Ntfs": frozenset({0, 1, 3}),
}
#: The same, where a Windows has it: `volume` came with 10, and volsnap may start later.
_OPTIONAL: dict[str, frozenset[int]] = {
    "volume": frozenset({0}),
    "volsnap": frozenset({0, 1, 3}),
    "mountmgr": frozenset({0, 1}),
}
_DISABLED = 4
_SEVERE = 2
_7B = "0x7B (INACCESSIBLE_BOOT_DEVICE)"
_MAX_IDS, _MAX_DEVICES, _MAX_FILTERS = 100_000, 20_000, 200
#: Enumerators of Enum that lead to a disk.
_ENUMERATORS = ("SCSI", "IDE", "STORAGE", "PCIIDE", "PCI", "VMBUS", "USBSTOR")
_DRIVERS = "reseal generalize IMAGE --drivers FOLDER"
_KEEPS_OFFLINE = frozenset({3, 4})


class State(StrEnum):
    """What a database has for a device."""

    READY = "starts"
    SEEN = "starts for the device that was there last time"
    OVERRIDE = "is held back by StartOverride"
    LATE = "does not start at boot"
    NO_FILE = "has no file"
    NO_SERVICE = "is not a service of this control set"
    NONE = "is not there"


@stage(
    "storage",
    "The kernel reaches the disk, the partition and the volume",
    order=5,
    mark=Mark.DOCUMENTED,
    source=sources.STOP_7B,
)
def storage(walk: Walk) -> Iterator[Fact]:
    """The kernel needs a driver for the bus and the controller, and the stack from the disk to NTFS.

    A device that Windows never saw gets its driver from DriverDatabase (Windows 8 and later) or
    CriticalDeviceDatabase (7). Filters that the classes name have to start, too.
    """
    control = walk.control
    yield from _stack(walk)
    yield from _filters(walk, control)
    yield from _critical(walk)
    yield from _policies(walk, control)
    yield from _controllers(walk)


def _stack(walk: Walk) -> Iterator[Fact]:
    bad = 0
    for name, allowed in (STACK | _OPTIONAL).items():
        key = walk.drivers.service(name)
        if key is None:
            if name in _OPTIONAL:
                continue
            bad += 1
            yield stops(f"The service {name} is missing.", _7B, Mark.DOCUMENTED, sources.STOP_7B)
            continue
        start = number(key, "Start")
        if start not in allowed:
            bad += 1
            shown = "missing" if start is None else start
            yield stops(
                f"The service {name} has Start {shown}.",
                _7B,
                Mark.DOCUMENTED,
                sources.STOP_7B,
                cure="reseal boot IMAGE --enable-storage",
            )
        elif not _has_file(walk, key):
            bad += 1
            yield stops(f"The driver {name} has no file.", _7B, Mark.DOCUMENTED, sources.STOP_7B)
    if not bad:
        names = ", ".join((*STACK, *(one for one in _OPTIONAL if walk.drivers.service(one))))
        yield passes(f"The storage stack starts ({names}).", Mark.DOCUMENTED, sources.STOP_7B)


def _has_file(walk: Walk, key: Key) -> bool:
    path = service_file(walk.registry, key)
    found = walk.stat(path) if path else None
    return found is not None and found.size > 0


# Filters


def _filters(walk: Walk, control: str) -> Iterator[Fact]:
    named: list[str] = []
    bad = 0
    for class_name, guid in CLASSES.items():
        key = walk.registry.key(rf"{control}\Class\{guid}")
        for kind in FILTERS:
            # Real hives have empty strings at the end.
            for name in [one for one in strings(key, kind) if one][:_MAX_FILTERS]:
                named.append(name)
                reason = _filter(walk, name)
                if reason:
                    bad += 1
                    yield stops(
                        f"{kind} of {class_name} names {name}, which {reason}.",
                        f"{_7B}, or a black screen",
                        Mark.DOCUMENTED if "disabled" in reason else Mark.REPORTED,
                        sources.STOP_7B if "disabled" in reason else sources.REPAIR_7B,
                        cure=f"reseal customize IMAGE --remove-filter {name}",
                    )
    yield from _device_filters(walk)
    if not bad and named:
        listed = ", ".join(dict.fromkeys(named))
        yield passes(
            f"The filters of the storage classes can start ({listed}).",
            Mark.REPORTED,
            sources.REPAIR_7B,
        )


def _filter(walk: Walk, name: str) -> str | None:
    """Return why a filter can't start, or None."""
    key = walk.drivers.service(name)
    if key is None:
        return "is not a service"
    if number(key, "Start") == _DISABLED:
        return "is disabled"
    path = service_file(walk.registry, key)
    found = walk.stat(path) if path else None
    if found is None:
        return "has no file"
    return None if found.size else "has an empty file"


def _device_filters(walk: Walk) -> Iterator[Fact]:
    """Upgrades move filters of a class to single devices, where uninstallers leave them (documented)."""
    seen: set[str] = set()
    count = 0
    for enumerator in _ENUMERATORS:
        for device in walk.registry.subkeys(rf"{walk.root}\Enum\{enumerator}"):
            for instance in device.subkeys():
                count += 1
                if count > _MAX_DEVICES:
                    return
                for kind in FILTERS:
                    for one in [each for each in strings(instance, kind) if each][:_MAX_FILTERS]:
                        if one.lower() in seen:
                            continue
                        seen.add(one.lower())
                        if reason := _filter(walk, one):
                            yield unknown(
                                rf"The device {enumerator}\{device.name} has the filter {one}, which "
                                f"{reason}: it stops the boot on the machine that has this device.",
                                Mark.DOCUMENTED,
                                "Microsoft, KB976267",
                                cure=f"reseal customize IMAGE --remove-filter {one}",
                            )


def _critical(walk: Walk) -> Iterator[Fact]:
    """System-start drivers with ErrorControl 3 whose file is gone."""
    services = walk.registry.key(walk.services)
    for key in services.subkeys() if services else ():
        late = number(key, "Start") == 1 and number(key, "Type") in {1, 2, 8}
        if late and (number(key, "ErrorControl") or 0) > _SEVERE and not _has_file(walk, key):
            yield stops(
                f"The driver {key.name} starts with the system and is critical (ErrorControl 3), but has no "
                "file.",
                "0x5A (CRITICAL_SERVICE_FAILED), or a restart",
                Mark.DOCUMENTED,
                sources.SERVICES_TREE,
                cure=f"reseal customize IMAGE --remove-filter {key.name}",
            )


def _policies(walk: Walk, control: str) -> Iterator[Fact]:
    key = walk.registry.key(rf"{control}\PnP")
    on = [one for one in ("DisableCDDB", "DontStartRawDevices") if number(key, one)]
    if on:
        listed = " and ".join(on)
        text_ = (
            f"A policy on device installation sets {listed}: the kernel installs no driver for a "
            "controller that is new to it"
        )
        cure = "reseal boot IMAGE --enable-storage"
        if 0 < walk.build < 9200:
            yield stops(f"{text_}.", _7B, Mark.DOCUMENTED, "Microsoft, KB2773300", cure=cure)
        else:
            yield unknown(
                f"{text_}, in Windows 7; later versions are reported to behave alike.",
                Mark.REPORTED,
                "Microsoft, KB2773300; virt-v2v, Group Policy",
                cure=cure,
            )
    policy = number(walk.registry.key(rf"{walk.services}\partmgr\Parameters"), "SanPolicy")
    if policy in _KEEPS_OFFLINE:
        yield unknown(
            f"SanPolicy {policy} keeps newly found disks offline; what it does to the startup disk is not "
            "documented.",
            Mark.DOCUMENTED,
            "Microsoft, diskpart san",
        )


# Controllers


def _controllers(walk: Walk) -> Iterator[Fact]:
    listed = _listed(walk)
    if walk.machine:
        yield from _on(walk, walk.machine, listed)
        return
    found: dict[bool, list[Machine]] = {True: [], False: []}
    for one in machines.known():
        if walk.firmware is None or walk.firmware in one.firmware:
            reached = all(
                _device(walk, each, listed)[0] in {State.READY, State.SEEN} for each in one.devices
            )
            found[reached].append(one)
    names = {key: ", ".join(one.name for one in value) or "none" for key, value in found.items()}
    if found[True]:
        yield passes(
            f"The image has boot drivers for: {names[True]}. It has none for: {names[False]}.",
            Mark.SEEN,
            sources.HIVES,
        )
        return
    held = [
        service
        for one in found[False]
        for each in one.devices
        if (known := _device(walk, each, listed))[0] is State.OVERRIDE
        for service in known[1]
    ]
    why = (
        f"Drivers are held back by StartOverride: {', '.join(dict.fromkeys(held))}."
        if held
        else "No driver of a storage controller is ready to start at boot on any known machine."
    )
    yield stops(
        why,
        _7B,
        Mark.REPORTED,
        sources.REPAIR_7B,
        cure="reseal boot IMAGE --enable-storage" if held else _DRIVERS,
    )


def _on(walk: Walk, machine: Machine, listed: list[str]) -> Iterator[Fact]:
    for one in machine.devices:
        state, services = _device(walk, one, listed)
        names = ", ".join(services)
        if state is State.READY:
            yield passes(f"{names} drives {one.what}.", machine.mark, machine.source)
        elif state is State.SEEN:
            yield passes(
                f"{names} drove {one.what} before, and starts for it in the same place.",
                Mark.REPORTED,
                "virtio-win/virtio-win-guest-tools-installer#61",
            )
        elif state is State.OVERRIDE:
            yield stops(
                f"{names}, the driver of {one.what}, is held back by StartOverride: the last hardware had "
                "another controller.",
                _7B,
                Mark.REPORTED,
                sources.REPAIR_7B,
                cure="reseal boot IMAGE --enable-storage, or reseal generalize IMAGE",
            )
        else:
            reason = f"{names} {state.value}" if services else _why_none(walk, one)
            yield stops(
                f"There is no boot driver for {one.what}: {reason}.",
                _7B,
                Mark.REPORTED if services else machine.mark,
                f"{machine.source}; {sources.INJECT}",
                cure=_DRIVERS,
            )


def _device(walk: Walk, device: HostDevice, listed: list[str]) -> tuple[State, tuple[str, ...]]:
    """Return the best state of the drivers for a device, and these."""
    found: dict[State, dict[str, None]] = {}
    for identifier in device.ids:
        for one in (identifier, *_longer(identifier, listed)):
            for service in walk.drivers.services_for(one):
                found.setdefault(_state(walk, service), {})[service] = None
    if State.READY not in found:
        for service in _known_devices(walk, device):
            if _state(walk, service) is State.READY:
                found.setdefault(State.SEEN, {})[service] = None
    for state in State:
        if state in found:
            return state, tuple(found[state])
    return State.NONE, ()


def _state(walk: Walk, service: str) -> State:
    key = walk.drivers.service(service)
    if key is None:
        return State.NO_SERVICE
    if not _has_file(walk, key):
        return State.NO_FILE
    if walk.drivers.switched_off(service):
        return State.OVERRIDE if number(key, "Start") == BOOT_START else State.LATE
    return State.READY if walk.drivers.starts(service) else State.LATE


def _known_devices(walk: Walk, device: HostDevice) -> Iterator[str]:
    """Yield the drivers of devices of this kind that Windows has seen."""
    for identifier in device.ids:
        enumerator, _, name = identifier.partition("\\")
        if name.startswith("CC_"):
            continue
        for one in walk.registry.subkeys(rf"{walk.root}\Enum\{enumerator}")[:_MAX_DEVICES]:
            if one.name.lower().startswith(name.lower()):
                for instance in one.subkeys():
                    service = text(instance, "Service")
                    if service:
                        yield service


def _why_none(walk: Walk, device: HostDevice) -> str:
    database = walk.registry.key(DRIVER_DATABASE)
    critical = walk.registry.key(rf"{walk.control}\CriticalDeviceDatabase")
    if database is None and critical is None:
        return "the image has no driver database"
    if database is not None:
        for identifier in device.ids:
            key = database.key(rf"DeviceIds\{identifier}")
            infs = [one.name for one in key.values()] if key else []
            for inf in infs[:_MAX_FILTERS]:
                active = text(database.key(rf"DriverInfFiles\{inf}"), "Active")
                package = database.key(rf"DriverPackages\{active}") if active else None
                if package is not None and package.value("Version") is None:
                    return f"the package of {inf} has no Version, so Windows does not use it"
    return "no package of the driver database is for it"


def _longer(identifier: str, listed: list[str]) -> Iterator[str]:
    """Yield longer ids of the same device."""
    if not identifier.upper().startswith("PCI\\CC_"):
        start = identifier.lower() + "&"
        yield from (one for one in listed if one.lower().startswith(start))


def _listed(walk: Walk) -> list[str]:
    """Return the ids of PCI devices in the kernel's databases."""
    found: list[str] = []
    try:
        for one in walk.registry.subkeys(rf"{DRIVER_DATABASE}\DeviceIds\PCI")[:_MAX_IDS]:
            found.append(join("PCI", one.name))
        for one in walk.registry.subkeys(rf"{walk.root}\{CRITICAL_DEVICES}")[:_MAX_IDS]:
            if one.name.lower().startswith("pci#"):
                found.append(one.name.replace("#", "\\"))
    except ImageError:
        return found
    return found
