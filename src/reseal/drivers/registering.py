r"""Register a storage driver, so that Windows finds its disk through it at the next boot.

| place | what is written | mark, source |
|---|---|---|
| `System32\drivers\<file>` | the driver, even if the package runs it from the driver store (directory id 13) | reported: virt-v2v does so |
| `Services\<driver>` of every control set | `Type`, `Start` 0, `ErrorControl`, `ImagePath`, `Group`, and the package's settings for it; `StartOverride` is deleted | seen in real hives; reported: virt-v2v |
| DriverDatabase or CriticalDeviceDatabase | see `database` | seen; reported |
| `System32\CatRoot\{F750E6C3-38EE-11D1-85E5-00C04FC295EE}` | the package's catalogue, under its own name | documented: where Windows keeps drivers' catalogues; that Windows finds one there that is not indexed: inferred |

In DriverDatabase the package gets the name `reseal_<name>.inf`, without a file of that name, as with
virt-v2v. reseal does not use names `oem<n>.inf`, which Windows assigns, or folders of the driver store:
how Windows computes their hash and keeps `OemInfMap` and the DRIVERS hive is not public. When Windows
detects the device, it finds the staged package and installs it in full.
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import re
from dataclasses import dataclass, field

from reseal.drivers.addreg import APPEND, NO_CLOBBER, Setting
from reseal.drivers.boot import (
    BOOT_START,
    CRITICAL_DEVICES,
    DRIVER_DATABASE,
    HDC,
    SCSI_ADAPTER,
    BootDrivers,
)
from reseal.drivers.database import critical_devices, driver_database
from reseal.drivers.model import Configuration, Service
from reseal.drivers.package import Package
from reseal.regf import Key, types
from reseal.session import Session
from reseal.tree import join
from reseal.windows.values import strings, text

SERVICES = r"HKLM\SYSTEM\CurrentControlSet\Services"
CATALOGS = r"System32\CatRoot\{F750E6C3-38EE-11D1-85E5-00C04FC295EE}"
#: Classes of controllers, and of the buses that a controller may be attached to.
_CLASSES = frozenset({SCSI_ADAPTER, HDC, "{4d36e97d-e325-11ce-bfc1-08002be10318}"})
_KERNEL_DRIVER = 1
#: Directory ids below the Windows folder (documented, Using Dirids), and the destination of files that
#: the package would run from the driver store.
_DIRECTORIES = {"11": "System32", "12": r"System32\drivers", "13": r"System32\drivers"}
_BINARY = re.compile(r"%(\d{1,5})%\\(?:[^\\%]{1,200}\\)*([^\\%/:*?\"<>|]{1,200})")
_OWN = "reseal_"


class RefusalError(Exception):
    """A driver can't be registered; the message is a whole sentence with the reason."""


@dataclass
class Registration:
    """The data for registering a package.

    Attributes:
        configurations: the configurations to register.
        services: the drivers, by name in lower case.
        files: the destination of each driver file in the Windows folder, by the file's name.
    """

    configurations: list[Configuration]
    services: dict[str, Service] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


# Complex: one condition for each of the rules of boot-start drivers.
def plan(package: Package) -> Registration | None:
    """Return the parts of a package that have to start at boot; None if there are none.

    Raises:
        RefusalError: such a part can't be registered.
    """
    if f"{{{package.class_guid}}}" not in _CLASSES:
        return None
    found = Registration([])
    for one in package.configurations.values():
        boot = [s for s in one.services if s.start == BOOT_START and s.type == _KERNEL_DRIVER]
        names = {service.name.lower() for service in boot}
        if (one.driver_service or "").lower() not in names:
            continue
        for name, setting in one.filters.items():
            listed = types.decode(setting.kind or 0, setting.data)
            filters = listed if isinstance(listed, list) else [str(listed)]
            if any(each.lower() not in names for each in filters):
                msg = f"Its {name} {', '.join(filters)} would not start at boot with it."
                raise RefusalError(msg)
        found.configurations.append(one)
        for service in boot:
            match = _BINARY.fullmatch(service.binary)
            if match is None or match[1] not in _DIRECTORIES:
                msg = f"The file of its driver {service.name} is not in a folder for drivers."
                raise RefusalError(msg)
            found.services.setdefault(service.name.lower(), service)
            found.files[match[2].lower()] = join(_DIRECTORIES[match[1]], match[2])
    return found if found.configurations else None


def present(session: Session, package: Package, wanted: Registration) -> bool:
    """Return whether Windows itself has already registered the drivers for all devices.

    Args:
        session: the opened installation.
        package: the package.
        wanted: its parts that have to start at boot.
    """
    ids = [
        (identifier, configuration.driver_service or "")
        for configuration in wanted.configurations
        for model in package.models
        if model.install == configuration.name
        for identifier in model.ids[:1]
    ]
    for control_set in session.registry.control_sets:
        drivers = BootDrivers(session.registry, control_set)
        for identifier, service in ids:
            file = drivers.file(service)
            if file is None or session.files.stat(file) is None:
                return False
            entries = drivers.entries_for(identifier)
            if not any(
                origin and not origin.startswith(_OWN) and name.lower() == service.lower()
                for origin, name in entries
            ):
                return False
    return True


def start_at_boot(session: Session, names: list[str]) -> None:
    """Stage that existing drivers start at boot on any hardware."""
    for name in names:
        session.delete_key(rf"{SERVICES}\{name}\StartOverride")
        session.set_number(rf"{SERVICES}\{name}", "Start", BOOT_START)


def register(
    session: Session, package: Package, wanted: Registration, stem: str, original: str
) -> list[str]:
    """Stage the entries of a package's drivers in the registry; return warnings.

    Args:
        session: the opened installation.
        package: the package.
        wanted: its parts that have to start at boot.
        stem: its name in the driver database.
        original: the name of its INF file.

    Raises:
        RefusalError: the image has other drivers under these names, or no database for them.
    """
    has_database = session.registry.key(DRIVER_DATABASE) is not None
    if not has_database and package.target.has_driver_database:
        msg = "The SYSTEM hive of the image has no DriverDatabase."
        raise RefusalError(msg)
    _refuse_others(session, wanted, original)
    for service in wanted.services.values():
        _write_service(session, service, wanted)
    if has_database:
        inf = f"{_OWN}{stem}.inf"
        entries = driver_database(
            package, inf, f"{inf}_{package.target.architecture}", wanted.configurations,
            original=original,
        )  # fmt: skip
        for one in entries:
            session.set_value(rf"{DRIVER_DATABASE}\{one.path}", one.name, one.kind, one.data)
        return []
    return _write_critical_devices(session, package, wanted)


def _refuse_others(session: Session, wanted: Registration, original: str) -> None:
    """Refuse if a service of the same name is another driver, or belongs to Windows itself."""
    for control_set in session.registry.control_sets:
        drivers = BootDrivers(session.registry, control_set)
        for name, service in wanted.services.items():
            file = drivers.file(name)
            if file and file.rpartition("\\")[2].lower() not in wanted.files:
                msg = f"The image already has another driver {service.name}, in {file}."
                raise RefusalError(msg)
            owner = _owner(drivers.service(name))
            if owner and not owner.startswith("oem") and owner != original.lower():
                msg = f"The driver {service.name} of the image belongs to {owner}."
                raise RefusalError(msg)


def _owner(service: Key | None) -> str:
    """Return the INF file that a service came from; empty if the service does not record it.

    Windows 8 and later name it in `Owners`, 7 the package in `DriverPackageId` (seen).
    """
    owners = strings(service, "Owners")
    if owners:
        return owners[0].lower()
    name, found, _ = (text(service, "DriverPackageId") or "").lower().partition(".inf_")
    return f"{name}.inf" if found else ""


def _write_service(session: Session, service: Service, wanted: Registration) -> None:
    key = rf"{SERVICES}\{service.name}"
    match = _BINARY.fullmatch(service.binary)
    assert match
    path = wanted.files[match[2].lower()]
    start_at_boot(session, [service.name])
    session.set_number(key, "Type", service.type)
    session.set_number(key, "ErrorControl", service.error_control)
    kind = types.REG_EXPAND_SZ
    session.set_value(key, "ImagePath", kind, types.encode(kind, path))
    if service.group:
        session.set_text(key, "Group", service.group)
    if service.display_name:
        session.set_text(key, "DisplayName", service.display_name)
    for one in service.settings:
        if one.kind is not None:
            _set(session, join(key, one.path), one, one.kind)


def _set(session: Session, path: str, one: Setting, kind: int) -> None:
    # Each control set separately: one may have the value while another lacks it.
    places = session.registry.locate(path)
    for place in places:
        key = session.registry.key_at(place)
        old = key.value(one.name) if key else None
        data = one.data
        if old is not None and one.flags & NO_CLOBBER:
            continue
        if old is not None and one.flags & APPEND and kind == types.REG_MULTI_SZ:
            listed, new = strings(key, one.name), types.decode(kind, one.data)
            assert isinstance(new, list)
            data = types.encode(kind, [*listed, *(each for each in new if each not in listed)])
        session.set_value(place.shown, one.name, kind, data)


def _write_critical_devices(session: Session, package: Package, wanted: Registration) -> list[str]:
    warnings = []
    database = rf"HKLM\SYSTEM\CurrentControlSet\{CRITICAL_DEVICES}"
    taken = {
        (identifier, service)
        for control_set in session.registry.control_sets
        for identifier, _ in critical_devices(package, wanted.configurations)
        for service in BootDrivers(session.registry, control_set).services_for(identifier)
        if service.lower() not in wanted.services
    }
    for identifier, service in sorted(taken):
        warnings.append(f"{identifier} keeps the driver {service} that the image has for it.")
    kept = {identifier for identifier, _ in taken}
    for identifier, entries in critical_devices(package, wanted.configurations):
        for one in entries if identifier not in kept else ():
            session.set_value(rf"{database}\{one.path}", one.name, one.kind, one.data)
    return warnings
