"""The devices of the old machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.pnp.boot import BootDrivers
from reseal.providers.pnp.devices import Device, list_devices
from reseal.providers.pnp.hardware import forget_machines
from reseal.providers.pnp.packages import SWITCH as REMOVE_DRIVERS
from reseal.providers.pnp.packages import remove_packages
from reseal.providers.pnp.removal import forget
from reseal.providers.pnp.start import start_all
from reseal.windows.values import number

if TYPE_CHECKING:
    from reseal.session import Session

__all__ = ["REMOVE_DRIVERS", "SETTINGS", "pnp"]

SETTINGS = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\Sysprep\Settings\sppnp"
#: How many devices a note names; the others are counted.
_SHOWN = 5


@provider(
    "pnp",
    "Forget the devices of the old machine, and re-enable every boot driver",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Maintain Driver Configurations when Capturing a Windows Image, and "
    "Microsoft-Windows-PnpSysprep: generalize removes all Plug and Play device information; places: "
    "seen in real hives of Windows 7 and 10; which devices the boot needs: inferred",
    entry_points=(
        "sppnp.dll,Sysprep_Generalize_Pnp",
        "sppnp.dll,Sysprep_Generalize_Pnp_Drivers",
    ),
    order=40,  # before `network`, which looks for adapters that are gone
)
def pnp(session: Session) -> None:
    r"""Every device that Windows has ever seen, with its serial numbers and addresses.

    Windows keeps an instance of each device below `Enum`, its driver's settings below `Control\Class`,
    its interfaces below `Control\DeviceClasses`, its container below `Control\DeviceContainers`, and the
    machine itself in `SYSTEM\HardwareConfig`. Disks, USB sticks, network cards and screens are named
    there by serial number. Boot drivers that this machine does not need are disabled.

    Sysprep uninstalls the devices and resets the settings of boot drivers. Packages stay in the driver
    store, and the first boot detects everything again. reseal does the same in every control set. It
    removes a device only if the boot does not need it, or if Windows finds its driver again in
    DriverDatabase (8 and later) or CriticalDeviceDatabase (7) and the driver starts at boot; all other
    devices stay and are reported. ROOT, HTREE, ACPI_HAL and SWD stay. reseal deletes StartOverride of
    every boot driver; on Windows 7 storage drivers get Start 0 again. Class keys, their filters, and the
    keys of network clients, services and protocols are not touched.

    The machines in HardwareConfig are deleted, since an unknown machine gets its own entry. An image that
    starts from USB keeps them, and that is reported. PersistAllDeviceInstalls keeps devices and machines,
    as in Sysprep; boot drivers are re-enabled nevertheless. DoNotCleanUpNonPresentDevices controls
    specialize and stays. With the switch `remove-drivers`, third-party packages are also removed from the
    driver store.
    """
    start_all(session)
    settings = session.registry.key(SETTINGS)
    if number(settings, "PersistAllDeviceInstalls"):
        fate = "stay" if number(settings, "DoNotCleanUpNonPresentDevices") else "are removed"
        session.note(
            "PersistAllDeviceInstalls is set, so all devices stay. Those that Windows does not find "
            f"at its first boot {fate} then."
        )
    else:
        forget_machines(session)
        _forget_devices(session)
    if REMOVE_DRIVERS in session.switches:
        remove_packages(session)


def _forget_devices(session: Session) -> None:
    needed: dict[str, str] = {}
    software: set[str] = set()
    for control_set in session.registry.control_sets:
        enum = session.registry.key(rf"HKLM\SYSTEM\{control_set}\Enum")
        if enum is None:
            continue
        drivers = BootDrivers(session.registry, control_set)
        removed: list[Device] = []
        kept: list[Device] = []
        for device in list_devices(enum):
            if device.of_the_system:
                kept.append(device)
            elif drivers.needs(device) and not drivers.installs(device):
                kept.append(device)
                needed[device.id.upper()] = device.id
            else:
                removed.append(device)
        forget(session, control_set, removed, kept)
        software |= _naming(removed, kept)
    if needed:
        ids = sorted(needed.values())
        more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
        session.note(
            f"{len(ids)} devices stay, since the boot may need them and Windows could not install "
            f"their drivers during the boot: {', '.join(ids[:_SHOWN])}{more}."
        )
    if software:
        session.note(
            f"{len(software)} software devices (SWD) named after removed devices stay; Windows removes "
            "those that it does not find at its first boot."
        )


def _naming(removed: list[Device], kept: list[Device]) -> set[str]:
    """Return the ids of kept devices that contain the id of a removed one."""
    names = [device.id.upper().replace("\\", "#") for device in removed]
    return {device.id for device in kept if any(name in device.instance.upper() for name in names)}
