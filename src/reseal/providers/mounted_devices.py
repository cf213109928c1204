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
    r"""Which drive letter belongs to which disk.

    `SYSTEM\MountedDevices` maps `\DosDevices\X:` and `\??\Volume{…}` to disk signatures and partition
    ids of the machine. Its values go, the key itself stays. Where Windows knows its own volume by
    another letter than C:, that mapping stays, since without it the system would come up as C:.
    """
    key = session.registry.key(MOUNTED_DEVICES)
    drive = session.installation.system_drive
    kept = rf"\DosDevices\{drive}" if drive and drive != "C:" else ""
    for value in list(key.values()) if key else []:
        if value.name.upper() == kept.upper():
            session.note(
                f"The system's drive letter is {drive}, not C:; its mapping in MountedDevices stays."
            )
        else:
            session.delete_value(MOUNTED_DEVICES, value.name)
