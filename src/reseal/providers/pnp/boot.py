r"""What the boot needs, and what the kernel can install by itself while it boots.

A device that is new to the kernel at boot gets its driver from a database in the SYSTEM hive, since
nothing else can be read yet:

| Windows | where | mark, source |
|---|---|---|
| 8 and later | `SYSTEM\DriverDatabase`: `DeviceIds\<id>` names INF files, `DriverInfFiles\<inf>` `Active` the package, `DriverPackages\<package>\Descriptors\<id>` `Configuration` a configuration, and its `Service` the driver | seen in a real hive of Windows 10, where the chain ends at the installed service for every boot device; documented in parts (Microsoft, Windows 10 IoT driver documentation); virt-v2v of libguestfs injects drivers in this form |
| 7 | `Control\CriticalDeviceDatabase\<id with # for \>` `Service` | documented (KB314082); seen |

So a device that the boot needs can be forgotten only where that database gives it the same service
again and the service starts at boot.
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.windows.values import number, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.providers.pnp.devices import Device
    from reseal.regf import Key
    from reseal.windows.registry import Registry

#: SERVICE_BOOT_START (documented).
BOOT_START = 0
DRIVER_DATABASE = r"HKLM\SYSTEM\DriverDatabase"
HARDWARE_CONFIG = r"HKLM\SYSTEM\HardwareConfig"

#: Setup classes on the way from the processor to the system volume (documented: "System-Defined
#: Device Setup Classes"). Their devices count as needed even where their service does not start at boot.
STORAGE_CLASSES = frozenset({
    "{4d36e96a-e325-11ce-bfc1-08002be10318}",  # hdc
    "{4d36e97b-e325-11ce-bfc1-08002be10318}",  # SCSIAdapter
    "{4d36e967-e325-11ce-bfc1-08002be10318}",  # DiskDrive
    "{71a27cdd-812a-11d0-bec7-08002be2092f}",  # Volume
})  # fmt: skip
_USB_CLASS = "{36fc9e60-c465-11cf-8056-444553540000}"
#: Enumerators of devices that are plugged in at run time.
_PLUGGED = frozenset({"USB", "USBSTOR"})


def boots_from_usb(registry: Registry) -> bool:
    """Whether the image is one that starts from a USB disk (Windows To Go; reported)."""
    control = registry.key(r"HKLM\SYSTEM\CurrentControlSet\Control")
    if number(control, "PortableOperatingSystem"):
        return True
    configurations = registry.key(HARDWARE_CONFIG)
    return any(
        number(key, "BootDriverFlags")
        for key in (configurations.subkeys() if configurations else ())
    )


class BootDrivers:
    """The drivers of one control set that the kernel can start and install while it boots."""

    def __init__(self, registry: Registry, control_set: str) -> None:
        root = rf"HKLM\SYSTEM\{control_set}"
        self._services = registry.key(rf"{root}\Services")
        self._critical = registry.key(rf"{root}\Control\CriticalDeviceDatabase")
        self._database = registry.key(DRIVER_DATABASE)
        self._usb = boots_from_usb(registry)

    def starts(self, service: str | None) -> bool:
        """Whether a service starts at boot."""
        key = _below(self._services, service)
        return key is not None and number(key, "Start") == BOOT_START

    def needs(self, device: Device) -> bool:
        """Whether the boot may depend on a device."""
        if self.starts(device.service):
            return True
        if device.enumerator.upper() in _PLUGGED:
            return self._usb and device.class_guid in {*STORAGE_CLASSES, _USB_CLASS}
        return device.class_guid in STORAGE_CLASSES

    def installs(self, device: Device) -> bool:
        """Whether the kernel would give the device its boot-start service again."""
        if not self.starts(device.service):
            return False
        service = (device.service or "").lower()
        return any(
            found.lower() == service
            for identifier in device.ids
            for found in self._find(identifier)
        )

    def _find(self, identifier: str) -> Iterator[str]:
        """The services that the database has for a hardware or compatible id."""
        if not identifier.strip("\\"):
            return
        if self._database is not None:
            yield from self._in_driver_database(self._database, identifier)
        key = _below(self._critical, identifier.replace("\\", "#"))
        service = text(key, "Service")
        if service:
            yield service

    @staticmethod
    def _in_driver_database(database: Key, identifier: str) -> Iterator[str]:
        listed = _below(database, rf"DeviceIds\{identifier}")
        for inf in listed.values() if listed else ():
            active = text(_below(database, rf"DriverInfFiles\{inf.name}"), "Active")
            package = _below(database, rf"DriverPackages\{active}") if active else None
            described = _below(package, rf"Descriptors\{identifier}")
            configuration = text(described, "Configuration")
            if configuration:
                service = text(_below(package, rf"Configurations\{configuration}"), "Service")
                if service:
                    yield service


def _below(key: Key | None, path: str | None) -> Key | None:
    return key.key(path) if key and path else None
