"""Drivers of the devices between a machine and its disk."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from reseal.drivers.boot import (
    BOOT_START,
    CRITICAL_DEVICES,
    DRIVER_DATABASE,
    HDC,
    SCSI_ADAPTER,
    service_file,
)
from reseal.errors import ImageError
from reseal.mark import Mark
from reseal.regf import Key
from reseal.rehearsal import machines, sources
from reseal.rehearsal.declaration import Fact, passes, stops
from reseal.rehearsal.machines import HostDevice, Machine
from reseal.rehearsal.walk import Walk
from reseal.tree import join
from reseal.windows.values import number, text

BUGCHECK = "0x7B (INACCESSIBLE_BOOT_DEVICE)"
_ENABLE = "reseal boot IMAGE --enable-storage"
_DRIVERS = "reseal generalize IMAGE --drivers FOLDER"
#: Enumerators of Enum with storage controllers.
_BUSES = ("PCI", "VMBUS", "ACPI")
_MAX_IDS, _MAX_DEVICES, _MAX_INFS = 100_000, 20_000, 200


class State(StrEnum):
    """What a database has for a device."""

    READY = "starts"
    SEEN = "starts for the device that was there last time"
    OVERRIDE = "is held back by StartOverride"
    LATE = "does not start at boot"
    NO_FILE = "has no file"
    NO_SERVICE = "is not a service of this control set"
    NONE = "is not there"


def has_file(walk: Walk, key: Key) -> bool:
    """Return whether a driver has a file that is not empty."""
    path = service_file(walk.registry, key)
    found = walk.stat(path) if path else None
    return found is not None and found.size > 0


def controllers(walk: Walk) -> Iterator[Fact]:
    """Has the image drivers for the machine, or for any known one?"""
    listed = _listed(walk)
    if walk.machine:
        yield from _on(walk, walk.machine, listed)
        return
    yield from _anywhere(walk, listed)


def _anywhere(walk: Walk, listed: list[str]) -> Iterator[Fact]:
    """Has the image drivers for the controllers of a known machine, or of the one that it comes from?"""
    found: dict[bool, list[Machine]] = {True: [], False: []}
    for one in machines.known():
        if walk.firmware is None or walk.firmware in one.firmware:
            reached = all(
                _device(walk, each, listed)[0] in {State.READY, State.SEEN} for each in one.devices
            )
            found[reached].append(one)
    names = {key: ", ".join(one.name for one in value) or "none" for key, value in found.items()}
    last = dict.fromkeys(_last_drivers(walk))
    if found[True]:
        yield passes(f"No boot drivers for: {names[False]}.", Mark.SEEN, sources.HIVES)
        yield passes(f"Boot drivers for: {names[True]}.", Mark.SEEN, sources.HIVES)
        total = len(found[True]) + len(found[False])
        text_ = f"Boot drivers for {len(found[True])} of {total} known machines."
        yield passes(text_, Mark.SEEN, sources.HIVES)
        return
    if last:
        yield passes(
            f"The image has a boot driver for the controllers of its last machine ({', '.join(last)}), but "
            "for none that reseal knows.",
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
        BUGCHECK,
        Mark.REPORTED,
        sources.REPAIR_7B,
        cure=_ENABLE if held else _DRIVERS,
    )


def _last_drivers(walk: Walk) -> Iterator[str]:
    """Yield the ready drivers of storage controllers that Windows has seen."""
    for enumerator in _BUSES:
        for one in walk.registry.subkeys(rf"{walk.root}\Enum\{enumerator}")[:_MAX_DEVICES]:
            for instance in one.subkeys():
                kind, service = text(instance, "ClassGUID"), text(instance, "Service")
                storage = kind is not None and kind.lower() in {SCSI_ADAPTER, HDC}
                if storage and service and _state(walk, service) is State.READY:
                    yield service


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
                BUGCHECK,
                Mark.REPORTED,
                sources.REPAIR_7B,
                cure=f"{_ENABLE}, or reseal generalize IMAGE",
            )
        else:
            reason = f"{names} {state.value}" if services else _why_none(walk, one)
            yield stops(
                f"No boot driver for {one.what}: {reason}.",
                BUGCHECK,
                Mark.REPORTED if services else machine.mark,
                f"{machine.source}; {sources.INJECT}",
                cure=_ENABLE if state is State.LATE else _DRIVERS,
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
    if not has_file(walk, key):
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
            for inf in infs[:_MAX_INFS]:
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
