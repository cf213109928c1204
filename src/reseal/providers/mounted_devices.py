"""Drive letters and volume names of the machine's own disks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.windows.volumes import MOUNTED_DEVICES, USUAL_DRIVE

if TYPE_CHECKING:
    from reseal.session import Session


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

    `SYSTEM\MountedDevices` maps `\DosDevices\X:` and `\??\Volume{…}` to the machine's disk
    signatures and partition ids. reseal keeps the letters of the image's other volumes: their ids never
    change, and services, profiles and programs on them are found by these letters. It deletes all other
    values and keeps the key. If the system volume has another letter than C:, its mapping stays; without
    it the volume would come up as C:.
    """
    registry = session.registry
    kept = {
        rf"\DosDevices\{letter}"
        for letter, number in registry.letters.items()
        if number != registry.volume
    }
    if registry.drive != USUAL_DRIVE:
        kept.add(rf"\DosDevices\{registry.drive}")
    stay, go = [], []
    for value in registry.values(MOUNTED_DEVICES):
        letter = value.name.upper().rpartition("\\")[2]
        if value.name.upper() in {name.upper() for name in kept}:
            stay.append(letter)
            continue
        session.delete_value(MOUNTED_DEVICES, value.name)
        if letter.endswith(":") and letter != registry.drive:
            go.append(letter)
    if registry.drive in stay:
        session.note(
            f"The system's drive letter is {registry.drive}, not C:; its mapping in MountedDevices stays."
        )
    others = [letter for letter in sorted(stay) if letter != registry.drive]
    if others:
        session.note(f"The volumes of this image keep their drive letters: {', '.join(others)}.")
    if go:
        session.note(
            f"Drive letters of volumes that are not in this image were forgotten: "
            f"{', '.join(sorted(go))}."
        )
