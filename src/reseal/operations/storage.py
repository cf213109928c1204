r"""Let every driver between Windows and its disk start at boot.

| what | how | mark, source |
|---|---|---|
| drivers that Windows held back on its last hardware | `StartOverride` deleted; Windows 7: `Start` 0 | see `reseal.providers.pnp.start` |
| drivers that the kernel's database has for the controller of a known machine, and that start later or never | `Start` 0 | reported: Azure repair-script-library, win-fix-inaccessible |
| disabled drivers of the storage stack | `Start` 0, for Ntfs 3 | documented: Microsoft, Stop error 7B; Ntfs: seen |
| a policy that keeps the kernel from installing drivers | `DisableCDDB`, `DontStartRawDevices` 0 | documented: KB2773300 |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark

if TYPE_CHECKING:
    from reseal.session import Session

PNP = r"HKLM\SYSTEM\CurrentControlSet\Control\PnP"
POLICIES = ("DisableCDDB", "DontStartRawDevices")
_NTFS = "Ntfs"


def enable(session: Session) -> None:
    """Stage the changes for every control set."""
    from reseal.providers.pnp.start import start_all
    from reseal.rehearsal.stages.storage import OPTIONAL, STACK
    from reseal.windows.services import BOOT, MANUAL, SERVICES

    with session.acting("storage-drivers", Mark.DOCUMENTED):
        start_all(session)
        for name in _controllers(session):
            if session.registry.number(rf"{SERVICES}\{name}", "Start"):
                session.set_number(rf"{SERVICES}\{name}", "Start", BOOT)
        for name, allowed in (STACK | OPTIONAL).items():
            path = rf"{SERVICES}\{name}"
            start = session.registry.number(path, "Start")
            if session.registry.key(path) is not None and start not in allowed:
                session.set_number(path, "Start", MANUAL if name == _NTFS else BOOT)
        for name in POLICIES:
            if session.registry.number(PNP, name):
                session.set_number(PNP, name, 0)


def _controllers(session: Session) -> list[str]:
    """Return the drivers that the kernel would install for the devices of known machines."""
    from reseal.drivers.boot import BootDrivers
    from reseal.rehearsal import machines

    drivers = BootDrivers(session.registry, session.registry.control_sets[0])
    ids = {one for machine in machines.known() for device in machine.devices for one in device.ids}
    return sorted({service for one in ids for service in drivers.services_for(one)})
