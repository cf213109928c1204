r"""Re-enable every boot driver, so that Windows starts on any hardware.

Windows disables boot drivers that its own machine does not need. On other hardware such a driver is
missing: stop 0x7B.

| Windows | how | mark, source |
|---|---|---|
| 8 and later | `Services\<driver>\StartOverride`, one value for each hardware configuration, 3 where the driver is not wanted | seen: 44 boot drivers of a real Windows 10; reported: Azure/SAP-on-Azure-Scripts-and-Utilities issue 147, a machine that stopped with 0x7B until the key of `vpci` was deleted |
| 7 | `Start` of storage drivers is 3 | documented: KB922976 sets it to 0 before the controller changes; seen |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.drivers.boot import (
    BOOT_START,
    DRIVER_DATABASE,
    HDC,
    SCSI_ADAPTER,
    service_file,
    waits_for_device,
)
from reseal.windows.values import number, text

if TYPE_CHECKING:
    from reseal.regf import Key
    from reseal.session import Session

#: Windows does not start without the driver (documented: SERVICE_ERROR_CRITICAL).
_CRITICAL = 3
_CONTROLLER_CLASSES = frozenset({HDC, SCSI_ADAPTER})


def start_all(session: Session) -> None:
    """Stage the change for every control set."""
    missing: set[str] = set()
    for control_set in session.registry.control_sets:
        root = rf"HKLM\SYSTEM\{control_set}"
        services = session.registry.key(rf"{root}\Services")
        if services is None:
            continue
        for service in list(services.subkeys()):
            if number(service, "Start") == BOOT_START and service.subkey("StartOverride"):
                session.delete_key(rf"{root}\Services\{service.name}\StartOverride")
                if number(service, "ErrorControl") == _CRITICAL and not _file(session, service):
                    missing.add(service.name)
        if session.registry.key(DRIVER_DATABASE) is None:
            _start_controllers(session, root, services)
    if missing:
        session.note(
            f"The image lacks the files of {len(missing)} re-enabled boot drivers without which "
            f"Windows does not start: {', '.join(sorted(missing))}."
        )


def _start_controllers(session: Session, root: str, services: Key) -> None:
    """Windows 7: set the storage drivers of the critical device database back to boot start.

    Drivers with BootFlags start at boot only from certain disks (iSCSI, VHD). They stay as they are, as
    do drivers whose file is missing.
    """
    names = {
        (text(entry, "Service") or "").lower()
        for entry in session.registry.subkeys(rf"{root}\Control\CriticalDeviceDatabase")
        if (text(entry, "ClassGUID") or "").lower() in _CONTROLLER_CLASSES
    }
    for name in sorted(names - {""}):
        service = services.key(name)
        if service is not None and waits_for_device(service) and _file(session, service):
            session.set_number(rf"{root}\Services\{service.name}", "Start", BOOT_START)


def _file(session: Session, service: Key) -> bool:
    """Return whether the image has the driver's file."""
    path = service_file(session.registry, service)
    return path is not None and session.files.stat(path) is not None
