r"""Drive letters on the new disk.

`SYSTEM\MountedDevices` maps `\DosDevices\X:` and `\??\Volume{…}` to a partition: `DMIO:ID:` and the
partition's GUID on a GPT disk, the disk's signature and the partition's first byte on an MBR disk (seen
in real hives; libyal winreg-kb, "Mounted devices"). An installation whose mapping for its own letter names
a partition of another disk comes up under another letter than the one that its paths carry (reported).
So what named the old partition names the new one. Where there is no mapping, as in a generalized image,
Windows gives its own volume C: (inferred); one that lives under another letter gets its mapping.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING
from uuid import UUID

from reseal.regf import types
from reseal.session import Mark

if TYPE_CHECKING:
    from reseal.disk import VolumeRange
    from reseal.session import Session

MOUNTED_DEVICES = r"HKLM\SYSTEM\MountedDevices"
_USUAL = "C:"


def mapping(place: VolumeRange) -> bytes:
    """The data by which MountedDevices names a partition."""
    if place.scheme == "gpt":
        return b"DMIO:ID:" + UUID(place.id).bytes_le
    return struct.pack("<IQ", int(place.disk, 16), place.offset)


def settle(session: Session, place: VolumeRange) -> str:
    """Let the system's letter name the partition that now holds it.

    Returns:
        The letter, such as `C:`.
    """
    drive = session.installation.system_drive or _USUAL
    wanted = mapping(place)
    key = session.registry.key(MOUNTED_DEVICES)
    values = {value.name: value.data for value in key.values()} if key else {}
    name = rf"\DosDevices\{drive}"
    old = next((data for one, data in values.items() if one.upper() == name.upper()), None)
    with session.acting("drive-letters", Mark.INFERRED):
        if old is None and drive != _USUAL:
            session.set_value(MOUNTED_DEVICES, name, types.REG_BINARY, wanted)
        for one, data in values.items():
            if old is not None and data == old:
                session.set_value(MOUNTED_DEVICES, one, types.REG_BINARY, wanted)
    return drive
