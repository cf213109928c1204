r"""Drive letters on the new disk.

`SYSTEM\MountedDevices` maps `\DosDevices\X:` and `\??\Volume{…}` to a partition: `DMIO:ID:` and the
partition's GUID on a GPT disk, the disk's signature and the partition's first byte on an MBR disk (seen
in real hives; libyal winreg-kb, "Mounted devices"). An installation whose mapping for its own letter names
a partition of another disk comes up under another letter than the one that its paths carry (reported).
So what named the old partition names the new one. Where there is no mapping, as in a generalized image,
Windows gives its own volume C: (inferred); one that lives under another letter gets its mapping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.regf import types
from reseal.session import Mark
from reseal.windows.volumes import MOUNTED_DEVICES, USUAL_DRIVE, mounted_as

if TYPE_CHECKING:
    from reseal.disk import VolumeRange
    from reseal.session import Session


def settle(session: Session, place: VolumeRange) -> str:
    """Let the system's letter name the partition that now holds it.

    Returns:
        The letter, such as `C:`.
    """
    drive = session.registry.drive
    wanted = mounted_as(place)
    assert wanted is not None
    key = session.registry.key(MOUNTED_DEVICES)
    values = {value.name: value.data for value in key.values()} if key else {}
    name = rf"\DosDevices\{drive}"
    old = next((data for one, data in values.items() if one.upper() == name.upper()), None)
    with session.acting("drive-letters", Mark.INFERRED):
        if old is None and drive != USUAL_DRIVE:
            session.set_value(MOUNTED_DEVICES, name, types.REG_BINARY, wanted)
        for one, data in values.items():
            if old is not None and data == old:
                session.set_value(MOUNTED_DEVICES, one, types.REG_BINARY, wanted)
    return drive
