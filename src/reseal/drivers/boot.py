r"""Drivers that the kernel can install and start by itself during the boot.

A device that is new at boot gets its driver from a database in the SYSTEM hive, since the kernel can't
read anything else yet:

| Windows | where | mark, source |
|---|---|---|
| 8 and later | `SYSTEM\DriverDatabase`: `DeviceIds\<id>` names INF files, `DriverInfFiles\<inf>` `Active` the package, `DriverPackages\<package>\Descriptors\<id>` `Configuration` a configuration, and its `Service` the driver | seen in a real hive of Windows 10, where the chain ends at the installed service for every boot device; documented in parts (Microsoft, Windows 10 IoT driver documentation); virt-v2v of libguestfs injects drivers in this form |
| 7 | `Control\CriticalDeviceDatabase\<id with # for \>` `Service` | documented (KB314082); seen |

A package without the value `Version` is not used (reported: virt-v2v, for Windows 10 and 2016; all packages of
real hives of 8.1 and 10 have it: seen).

A value other than 0 below a driver's `StartOverride` keeps it from starting on the hardware that the value
belongs to (seen: 3 for 44 boot drivers of a real Windows 10).
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.tree import join
from reseal.windows.values import number, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.regf import Key
    from reseal.windows.registry import Registry

#: SERVICE_BOOT_START (documented).
BOOT_START = 0
DRIVER_DATABASE = r"HKLM\SYSTEM\DriverDatabase"
CRITICAL_DEVICES = r"Control\CriticalDeviceDatabase"
SCSI_ADAPTER = "{4d36e97b-e325-11ce-bfc1-08002be10318}"
HDC = "{4d36e96a-e325-11ce-bfc1-08002be10318}"
_KERNEL_DRIVER = 1
_ON_DEMAND = 3
_ADAPTER_GROUPS = frozenset({"scsi miniport", "scsi storport"})
#: Load order groups of storage drivers that start at boot in Windows 7 (seen).
_STORAGE_GROUPS = frozenset({"scsi miniport", "scsi storport", "system bus extender"})


class BootDrivers:
    """The drivers of one control set that the kernel can start and install during the boot."""

    def __init__(self, registry: Registry, control_set: str) -> None:
        root = rf"HKLM\SYSTEM\{control_set}"
        self._registry = registry
        self._services = registry.key(rf"{root}\Services")
        self._critical = registry.key(rf"{root}\{CRITICAL_DEVICES}")
        self._database = registry.key(DRIVER_DATABASE)

    def service(self, name: str | None) -> Key | None:
        """Return a service's key."""
        return _below(self._services, name)

    def starts(self, name: str | None) -> bool:
        """Return whether a service starts at boot."""
        key = self.service(name)
        return key is not None and number(key, "Start") == BOOT_START

    @property
    def known(self) -> bool:
        """Whether the image has a driver database at all."""
        return self._database is not None or self._critical is not None

    def storage(self) -> Iterator[str]:
        """Yield the drivers of storage adapters that start at boot on any hardware."""
        for key in self._services.subkeys() if self._services else ():
            adapter = (text(key, "Group") or "").lower() in _ADAPTER_GROUPS
            kernel = number(key, "Type") == _KERNEL_DRIVER
            if adapter and kernel and self.starts(key.name) and not self.switched_off(key.name):
                yield key.name

    def switched_off(self, name: str) -> bool:
        """Return whether Windows disabled a storage driver on its last hardware; generalizing enables it."""
        key = self.service(name)
        if self._database is None:
            return key is not None and waits_for_device(key)
        if not self.starts(name):
            return False
        override = _below(self.service(name), "StartOverride")
        return any(value.decoded != BOOT_START for value in (override.values() if override else ()))

    def file(self, name: str) -> str | None:
        """Return the path of a driver's file in the image; None if the service does not exist."""
        key = self.service(name)
        return service_file(self._registry, key) if key is not None else None

    def services_for(self, identifier: str) -> Iterator[str]:
        """Yield the services that the database has for a hardware or compatible id."""
        for _, service in self.entries_for(identifier):
            yield service

    def entries_for(self, identifier: str) -> Iterator[tuple[str, str]]:
        """Yield the origin and the name of each of these services.

        The origin is the name of the INF file; for Windows 7 it is the id of the package, empty if the
        entry names none.
        """
        if not identifier.strip("\\"):
            return
        if self._database is not None:
            yield from self._in_driver_database(self._database, identifier)
        key = _below(self._critical, identifier.replace("\\", "#"))
        service = text(key, "Service")
        if service:
            yield text(key, "DriverPackageId") or "", service

    @staticmethod
    def _in_driver_database(database: Key, identifier: str) -> Iterator[tuple[str, str]]:
        listed = _below(database, rf"DeviceIds\{identifier}")
        for inf in listed.values() if listed else ():
            active = text(_below(database, rf"DriverInfFiles\{inf.name}"), "Active")
            package = _below(database, rf"DriverPackages\{active}") if active else None
            if package is None or package.value("Version") is None:
                continue
            described = _below(package, rf"Descriptors\{identifier}")
            configuration = text(described, "Configuration")
            if configuration:
                service = text(_below(package, rf"Configurations\{configuration}"), "Service")
                if service:
                    yield inf.name, service


def waits_for_device(service: Key) -> bool:
    """Return whether it is a storage driver of Windows 7 that starts with its device, not at boot.

    Drivers with BootFlags do not count: they start at boot only from certain disks (iSCSI, VHD).
    """
    return (
        number(service, "Start") == _ON_DEMAND
        and number(service, "Type") == _KERNEL_DRIVER
        and not number(service, "BootFlags")
        and (text(service, "Group") or "").lower() in _STORAGE_GROUPS
    )


def service_file(registry: Registry, service: Key) -> str | None:
    """The path of a driver's file in the image, be there such a file or not; None for one elsewhere."""
    path = text(service, "ImagePath") or rf"System32\drivers\{service.name}.sys"
    path = path.removeprefix("\\??\\")
    if path.lower().startswith("system32\\"):
        return join(registry.root, path)
    return registry.path_of(path)


def _below(key: Key | None, path: str | None) -> Key | None:
    return key.key(path) if key and path else None
