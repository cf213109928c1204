r"""Shadow copies (restore points) of a volume, and giving them up.

Windows keeps the old content of overwritten blocks in store files below
`System Volume Information`, found through a catalogue to which a header in the volume's first 8 KiB
points. A write from outside copies nothing there, so that every shadow copy is wrong after it
(inferred). They are given up by deleting the stores and zeroing the pointer (inferred; vshadowinfo
agrees that there are none then).

Layout: libvshadow's documentation of the format (seen in a volume made by Windows).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from reseal.tree import join

if TYPE_CHECKING:
    from reseal.ntfs.volume import Volume

FOLDER = "System Volume Information"
#: {3808876b-c176-4e48-b7ae-04046e6cc752} marks the header, the catalogue and every store file.
IDENTIFIER = "{3808876b-c176-4e48-b7ae-04046e6cc752}"
_IDENTIFIER = bytes.fromhex("6b87083876c1484eb7ae04046e6cc752")

#: Where the header stands in the volume, and in it the catalogue's byte offset in the volume.
HEADER = 0x1E00
HEADER_SIZE = 128
_CATALOGUE = 48


def catalogue(volume: Volume) -> int:
    """Return the byte offset of the catalogue in the volume, 0 where there are no shadow copies."""
    if volume.boot.size < HEADER + HEADER_SIZE:
        return 0
    header = volume.read_raw(HEADER, HEADER_SIZE)
    if not header.startswith(_IDENTIFIER):
        return 0
    return int(struct.unpack_from("<Q", header, _CATALOGUE)[0])


def stores(volume: Volume) -> list[str]:
    """Return the paths of the store files and of the catalogue's file."""
    if volume.stat(FOLDER) is None:
        return []
    return sorted(
        join(FOLDER, entry.name)
        for entry in volume.list(FOLDER)
        if not entry.is_directory and entry.name.lower().endswith(IDENTIFIER)
    )


def discard(volume: Volume) -> list[str]:
    """Give up all shadow copies of a volume.

    Args:
        volume: open for writing.

    Returns:
        The paths of the files that were deleted.

    Raises:
        TreeError: a store can't be deleted.
    """
    found = stores(volume)
    for path in found:
        volume.delete(path)
    if catalogue(volume):
        volume.write_raw(HEADER + _CATALOGUE, bytes(8))
    return found
