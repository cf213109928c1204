"""The storage stack: from the bus to the volume of Windows."""

from __future__ import annotations

from collections.abc import Iterator

from reseal.drivers.boot import service_file
from reseal.mark import Mark
from reseal.rehearsal import sources
from reseal.rehearsal.controllers import BUGCHECK, controllers, has_file
from reseal.rehearsal.declaration import Fact, passes, stage, stops, unknown
from reseal.rehearsal.walk import Walk
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
OPTIONAL: dict[str, frozenset[int]] = {
    "volume": frozenset({0}),
    "volsnap": frozenset({0, 1, 3}),
    "mountmgr": frozenset({0, 1}),
    "pci": frozenset({0}),
    "fltmgr": frozenset({0}),
}
#: Drivers of Microsoft's list that every Windows from 10 on has (documented).
_SINCE_10 = frozenset({"volume", "volsnap"})
_WINDOWS_10 = 10240
_DISABLED = 4
_AUTOMATIC = 2
#: Win32 services: own process, shared process (documented, CreateService).
_PROGRAM_TYPES = 0x30
_SEVERE = 2
_MAX_DEVICES, _MAX_FILTERS = 20_000, 200
#: Enumerators of Enum that lead to a disk.
_ENUMERATORS = ("ACPI", "SCSI", "IDE", "STORAGE", "PCIIDE", "PCI", "VMBUS", "USBSTOR")
_KEEPS_OFFLINE = frozenset({3, 4})


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
    yield from _services(walk)
    yield from _policies(walk, control)
    yield from controllers(walk)


def _stack(walk: Walk) -> Iterator[Fact]:
    bad = 0
    for name, allowed in (STACK | OPTIONAL).items():
        key = walk.drivers.service(name)
        if key is None:
            if name in OPTIONAL and not (name in _SINCE_10 and walk.build >= _WINDOWS_10):
                continue
            bad += 1
            yield stops(
                f"The service {name} is missing.", BUGCHECK, Mark.DOCUMENTED, sources.STOP_7B
            )
            continue
        start = number(key, "Start")
        if start not in allowed:
            bad += 1
            shown = "missing" if start is None else start
            yield stops(
                f"The service {name} has Start {shown}.",
                BUGCHECK,
                Mark.DOCUMENTED,
                sources.STOP_7B,
                cure="reseal boot IMAGE --enable-storage",
            )
        elif not has_file(walk, key):
            bad += 1
            yield stops(
                f"The driver {name} has no file.", BUGCHECK, Mark.DOCUMENTED, sources.STOP_7B
            )
    if not bad:
        names = ", ".join((*STACK, *(one for one in OPTIONAL if walk.drivers.service(one))))
        yield passes(f"The storage stack starts ({names}).", Mark.DOCUMENTED, sources.STOP_7B)


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
                        f"{BUGCHECK}, or a black screen",
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
    if not found.size:
        return "has an empty file"
    other = walk.other_architecture(path or "", found)
    return f"has a file that {other}" if other else None


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
        if late and (number(key, "ErrorControl") or 0) > _SEVERE and not has_file(walk, key):
            yield stops(
                f"The driver {key.name} starts with the system and is critical (ErrorControl 3), but has no "
                "file.",
                "0x5A (CRITICAL_SERVICE_FAILED), or a restart",
                Mark.DOCUMENTED,
                sources.SERVICES_TREE,
                cure=f"reseal customize IMAGE --remove-filter {key.name}",
            )


def _services(walk: Walk) -> Iterator[Fact]:
    """Automatic services whose failure Windows answers with a restart."""
    services = walk.registry.key(walk.services)
    for key in services.subkeys() if services else ():
        automatic = number(key, "Start") == _AUTOMATIC
        program = (number(key, "Type") or 0) & _PROGRAM_TYPES
        command = text(key, "ImagePath")
        if not (automatic and program and command):
            continue
        control = number(key, "ErrorControl") or 0
        if control >= _SEVERE and walk.program(command)[1] is False:
            yield stops(
                f"The service {key.name} has ErrorControl {control}, but its program is missing.",
                "a reboot loop",
                Mark.DOCUMENTED,
                sources.REBOOT_LOOP,
                cure=f"reseal customize IMAGE --service {key.name}:disabled",
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
            yield stops(f"{text_}.", BUGCHECK, Mark.DOCUMENTED, "Microsoft, KB2773300", cure=cure)
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
