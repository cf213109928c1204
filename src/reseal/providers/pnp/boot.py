r"""Devices that the boot needs, and those whose drivers the kernel can install again by itself.

A device that the boot needs can be removed only if the database from which the kernel installs drivers
(`reseal.drivers.boot`) gives it the same service again and the service starts at boot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.drivers.boot import HDC, SCSI_ADAPTER
from reseal.drivers.boot import BootDrivers as KernelDrivers
from reseal.windows.values import number

if TYPE_CHECKING:
    from reseal.providers.pnp.devices import Device
    from reseal.windows.registry import Registry

HARDWARE_CONFIG = r"HKLM\SYSTEM\HardwareConfig"

#: Setup classes between the processor and the system volume (documented: "System-Defined Device Setup
#: Classes"). Their devices count as needed even if their service does not start at boot.
STORAGE_CLASSES = frozenset({
    HDC,
    SCSI_ADAPTER,
    "{4d36e967-e325-11ce-bfc1-08002be10318}",  # DiskDrive
    "{71a27cdd-812a-11d0-bec7-08002be2092f}",  # Volume
})  # fmt: skip
_USB_CLASS = "{36fc9e60-c465-11cf-8056-444553540000}"
#: Enumerators of hot-plugged devices.
_PLUGGED = frozenset({"USB", "USBSTOR"})


def boots_from_usb(registry: Registry) -> bool:
    """Return whether the image starts from a USB disk (Windows To Go; reported)."""
    control = registry.key(r"HKLM\SYSTEM\CurrentControlSet\Control")
    if number(control, "PortableOperatingSystem"):
        return True
    return any(number(key, "BootDriverFlags") for key in registry.subkeys(HARDWARE_CONFIG))


class BootDrivers(KernelDrivers):
    """The drivers of one control set that the kernel can start and install during the boot."""

    def __init__(self, registry: Registry, control_set: str) -> None:
        super().__init__(registry, control_set)
        self._usb = boots_from_usb(registry)

    def needs(self, device: Device) -> bool:
        """Return whether the boot may depend on a device."""
        if self.starts(device.service):
            return True
        if device.enumerator.upper() in _PLUGGED:
            return self._usb and device.class_guid in {*STORAGE_CLASSES, _USB_CLASS}
        return device.class_guid in STORAGE_CLASSES

    def installs(self, device: Device) -> bool:
        """Return whether the kernel would give the device its boot-start service again."""
        if not self.starts(device.service):
            return False
        service = (device.service or "").lower()
        return any(
            found.lower() == service
            for identifier in device.ids
            for found in self.services_for(identifier)
        )
