r"""Drive letters on the new disk.

`SYSTEM\MountedDevices` maps `\DosDevices\X:` and `\??\Volume{…}` to a partition: `DMIO:ID:` and the
partition's GUID on a GPT disk, the disk's signature and the partition's first byte on an MBR disk (seen
in real hives; libyal winreg-kb, "Mounted devices"). If the mapping of its own letter names a partition of
another disk, an installation starts under another letter than its paths contain (reported). Entries for
the old partition are therefore changed to the new one. Without a mapping, as in a generalized image, Windows
assigns C: to its own volume (inferred); a Windows under another letter gets a mapping.
"""

from __future__ import annotations

from reseal.disk import VolumeRange
from reseal.regf import types
from reseal.session import Mark, Session
from reseal.windows.volumes import MOUNTED_DEVICES, USUAL_DRIVE, mounted_as


def settle(session: Session, place: VolumeRange) -> str:
    """Map the system's drive letter to the partition that now holds it.

    Returns:
        The letter, such as `C:`.
    """
    drive = session.registry.drive
    wanted = mounted_as(place)
    assert wanted is not None
    values = {value.name: value.data for value in session.registry.values(MOUNTED_DEVICES)}
    name = rf"\DosDevices\{drive}"
    old = next((data for one, data in values.items() if one.upper() == name.upper()), None)
    with session.acting("drive-letters", Mark.INFERRED):
        if old is None and drive != USUAL_DRIVE:
            session.set_value(MOUNTED_DEVICES, name, types.REG_BINARY, wanted)
        for one, data in values.items():
            if old is not None and data == old:
                session.set_value(MOUNTED_DEVICES, one, types.REG_BINARY, wanted)
    return drive
