"""What old names leave behind in the free space of file records and folders.

libntfs-3g moves what follows a removed name over it, and leaves the end as it was. Who gives a file
another name because the old one tells something wants it to be gone.

Layout: documented by the Linux-NTFS project.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from reseal.ntfs import records
from reseal.ntfs.directory import INDEX_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reseal.ntfs.raw import RawVolume

_RECORD_USED = 0x18
#: In an index block: the size of its entries, counted from here.
_BLOCK_HEADER = 24
_BLOCK_SIZE_AT = 8
#: Blocks of one folder that are looked at.
_MAX_BLOCKS = 4096


def wipes(volume: RawVolume, numbers: Iterable[int]) -> Iterator[tuple[int, bytes]]:
    """Yield (place in the volume, bytes) that zero the free space of files' records and indexes.

    Args:
        volume: nothing may have it mounted.
        numbers: of file records in use.

    Raises:
        VolumeError: the volume is damaged.
    """
    for number in numbers:
        for record in volume.records_of(number):
            (used,) = struct.unpack_from("<I", record.data, _RECORD_USED)
            record.changed |= _wipe(record.data, used)
        if volume.has(number, records.INDEX_ALLOCATION, INDEX_NAME):
            yield from _blocks(volume, number)
    yield from volume.record_writes()


def _blocks(volume: RawVolume, number: int) -> Iterator[tuple[int, bytes]]:
    root = volume.value(number, records.INDEX_ROOT, INDEX_NAME)
    (size,) = struct.unpack("<I", volume.read(root, _BLOCK_SIZE_AT, 4))
    value = volume.value(number, records.INDEX_ALLOCATION, INDEX_NAME)
    if size < 512 or value.record is not None:
        raise volume.damaged("a folder's index is not readable")
    for at in range(0, min(value.size - size + 1, _MAX_BLOCKS * size), size):
        block = bytearray(volume.read(value, at, size))
        if block[:4] != b"INDX":
            continue
        volume.unprotect(block, "an index block")
        (used,) = struct.unpack_from("<I", block, _BLOCK_HEADER + 4)
        if _wipe(block, _BLOCK_HEADER + used):
            yield from volume.writes(value, at, volume.protect(block))


def _wipe(data: bytearray, start: int) -> bool:
    """Zero the end of a record; true if anything stood there."""
    if start >= len(data) or not any(data[start:]):
        return False
    data[start:] = bytes(len(data) - start)
    return True
