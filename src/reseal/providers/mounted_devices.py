"""Drive letters and volume names of the machine's own disks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider

if TYPE_CHECKING:
    from reseal.session import Session

MOUNTED_DEVICES = r"HKLM\SYSTEM\MountedDevices"


@provider(
    "mounted-devices",
    "Forget the drive letters of the old machine's disks",
    mark=Mark.INFERRED,
    source="layout: libyal winreg-kb, Mounted devices; that Sysprep clears it: inferred from the name "
    "of its entry point; a stale letter that stopped Setup: reported",
    entry_points=("spmpm.dll,Sysprep_Generalize_MountPointManager",),
)
def mounted_devices(session: Session) -> None:
    r"""The mapping of drive letters to disks.

    `SYSTEM\MountedDevices` maps `\DosDevices\X:` and `\??\Volume{…}` to the machine's disk signatures
    and partition ids. reseal deletes the values and keeps the key. If the system volume has another
    letter than C:, its mapping stays; without it the volume would come up as C:.
    """
    drive = session.installation.system_drive
    kept = rf"\DosDevices\{drive}" if drive and drive != "C:" else ""
    for value in session.registry.values(MOUNTED_DEVICES):
        if value.name.upper() == kept.upper():
            session.note(
                f"The system's drive letter is {drive}, not C:; its mapping in MountedDevices stays."
            )
        else:
            session.delete_value(MOUNTED_DEVICES, value.name)
