"""Wipe traces of old names from the slack of file records and folders.

When libntfs-3g removes a name, it moves the following bytes over it and leaves the end unchanged. An old
file name that identifies a machine would remain there.

Layout: documented by the Linux-NTFS project.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from reseal.ntfs import records
from reseal.ntfs.directory import INDEX_NAME
from reseal.ntfs.raw import RawVolume

_RECORD_USED = 0x18
#: Offset of the index header in an index block, from which the size of the entries counts.
_BLOCK_HEADER = 24
_BLOCK_SIZE_AT = 8
#: Maximum number of index blocks per folder.
_MAX_BLOCKS = 4096


def wipes(volume: RawVolume, numbers: Iterable[int]) -> Iterator[tuple[int, bytes]]:
    """Yield (place in the volume, bytes) to zero the slack of file records and their indexes.

    Args:
        volume: the volume, not mounted.
        numbers: numbers of file records in use.

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
        raise volume.damaged("a folder's index is unreadable")
    for at in range(0, min(value.size - size + 1, _MAX_BLOCKS * size), size):
        block = bytearray(volume.read(value, at, size))
        if block[:4] != b"INDX":
            continue
        volume.unprotect(block, "an index block")
        (used,) = struct.unpack_from("<I", block, _BLOCK_HEADER + 4)
        if _wipe(block, _BLOCK_HEADER + used):
            yield from volume.writes(value, at, volume.protect(block))


def _wipe(data: bytearray, start: int) -> bool:
    """Zero a record from `start`; return whether that changed it."""
    if start >= len(data) or not any(data[start:]):
        return False
    data[start:] = bytes(len(data) - start)
    return True
