r"""Find and delete the shadow copies (restore points) of a volume.

Windows saves the old content of overwritten blocks in store files below `System Volume Information`. A
header in the volume's first 8 KiB points to the catalogue of the stores. Writes from outside Windows save
nothing there, so all shadow copies become invalid (inferred). They are deleted by deleting the stores
and zeroing the pointer (inferred; vshadowinfo then finds none).

Layout: libvshadow's documentation of the format (seen in a volume made by Windows).
"""

from __future__ import annotations

import struct

from reseal.ntfs.volume import Volume
from reseal.tree import join

FOLDER = "System Volume Information"
#: {3808876b-c176-4e48-b7ae-04046e6cc752} marks the header, the catalogue and every store file.
IDENTIFIER = "{3808876b-c176-4e48-b7ae-04046e6cc752}"
_IDENTIFIER = bytes.fromhex("6b87083876c1484eb7ae04046e6cc752")

#: Offset of the header in the volume, and of the catalogue's offset in the header.
HEADER = 0x1E00
HEADER_SIZE = 128
_CATALOGUE = 48


def catalogue(volume: Volume) -> int:
    """Return the byte offset of the catalogue in the volume; 0 if there are no shadow copies."""
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
    """Delete all shadow copies of a volume that is open for writing.

    Returns:
        The paths of the deleted files.

    Raises:
        TreeError: a store can't be deleted.
    """
    found = stores(volume)
    for path in found:
        volume.delete(path)
    if catalogue(volume):
        volume.write_raw(HEADER + _CATALOGUE, bytes(8))
    return found
