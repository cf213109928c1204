"""The data of values: resident in the value, in a separate cell, or in big-data segments.

Data larger than one segment is big data if its cell is too small for it.
"""

from __future__ import annotations

import struct
from itertools import pairwise

from reseal.regf import baseblock, node
from reseal.regf.cells import NIL, Cells
from reseal.regf.errors import RegfError

#: From minor version 4 on, data larger than a segment is split into segments (documented by Suhanov;
#: seen in BigDataHive).
SEGMENT = 16344
BIG_DATA_MINOR = 4
_DB = struct.Struct("<2sHI")


def read(cells: Cells, vk: int) -> bytes:
    """Return the data of the value whose cell content is at file position `vk`."""
    size, place = struct.unpack_from("<II", cells.data, vk + node.VK_DATA_SIZE)
    if size & node.RESIDENT:
        size = min(size & ~node.RESIDENT, 4)
        return bytes(cells.data[vk + node.VK_DATA : vk + node.VK_DATA + size])
    if not size:
        return b""
    start, end = cells.locate(place, 0, "value data")
    if size <= end - start:
        return bytes(cells.data[start : start + size])
    if cells.minor < BIG_DATA_MINOR:
        raise cells.damage("value data is longer than its cell", place)
    return b"".join(
        bytes(cells.data[position : position + length])
        for position, length in _segments(cells, place, size)
    )


def pieces(cells: Cells, vk: int) -> list[tuple[int, int]]:
    """Return (start, end) in the file of each piece of a value's data."""
    size, place = struct.unpack_from("<II", cells.data, vk + node.VK_DATA_SIZE)
    if size & node.RESIDENT or not size:
        return []
    start, end = cells.locate(place, 0, "value data")
    if size <= end - start:
        return [(start, start + size)]
    if cells.minor < BIG_DATA_MINOR:
        raise cells.damage("value data is longer than its cell", place)
    return [(one, one + length) for one, length in _segments(cells, place, size)]


def _big(cells: Cells, place: int) -> tuple[int, list[int]]:
    """Return the offset of the segment list, and the segments."""
    start, _ = cells.locate_signed(place, b"db", _DB.size, "big data")
    _, count, listing = _DB.unpack_from(cells.data, start)
    start, _ = cells.locate(listing, 4 * count, "a list of big-data segments")
    return listing, list(struct.unpack_from(f"<{count}I", cells.data, start))


def _segments(cells: Cells, place: int, size: int) -> list[tuple[int, int]]:
    _, offsets = _big(cells, place)
    if len(offsets) != -(-size // SEGMENT) or len(set(offsets)) != len(offsets):
        raise cells.damage("big data has the wrong number of segments", place)
    parts: list[tuple[int, int]] = []
    for offset in offsets:
        length = min(size, SEGMENT)
        start, _ = cells.locate(offset, length, "a big-data segment")
        parts.append((start, length))
        size -= length
    return parts


def seams(cells: Cells, position: int) -> list[tuple[int, int]]:
    """Return the boundaries of big-data segments: the end of one and the start of the next.

    Args:
        cells: the cells of the hive.
        position: file position of a possible big-data record; the result is empty if it is not one.
    """
    try:
        _, offsets = _big(cells, position - baseblock.SIZE - 4)
        starts = [cells.locate(offset, 0, "a segment")[0] for offset in offsets]
        for offset in offsets[:-1]:
            cells.locate(offset, SEGMENT, "a segment")
    except RegfError:
        return []
    return [(one + SEGMENT, two) for one, two in pairwise(starts)]


def place_of(cells: Cells, vk: int) -> int | None:
    """Return the offset of a value's data cell, or None if its data is resident."""
    size, place = struct.unpack_from("<II", cells.data, vk + node.VK_DATA_SIZE)
    return None if size & node.RESIDENT or not size or place == NIL else place


def cells_of(cells: Cells, vk: int) -> list[int]:
    """Return the offsets of all cells that hold a value's data."""
    place = place_of(cells, vk)
    if place is None:
        return []
    size = cells.u32(vk + node.VK_DATA_SIZE)
    start, end = cells.locate(place, 0, "value data")
    if size <= end - start:
        return [place]
    listing, offsets = _big(cells, place)
    return [*offsets, listing, place]


def free(cells: Cells, vk: int) -> None:
    """Free the cells of a value's data."""
    for offset in cells_of(cells, vk):
        cells.free(offset)


def store(cells: Cells, data: bytes, near: int) -> tuple[int, int]:
    """Store data; return the size and data fields of its value.

    Args:
        cells: the cells of the hive.
        data: the data.
        near: a cell offset near which to allocate.

    Raises:
        RegfError: the data is too large.
    """
    if len(data) <= 4:
        return len(data) | node.RESIDENT, int.from_bytes(data.ljust(4, b"\0"), "little")
    if len(data) <= SEGMENT or cells.minor < BIG_DATA_MINOR:
        return len(data), _cell(cells, data, near)
    count = -(-len(data) // SEGMENT)
    if count > 0xFFFF:
        msg = f"{cells.name}: {len(data)} bytes are too many for one value."
        raise RegfError(msg)
    # hivex does not count the last four bytes of a segment's cell as data.
    parts = [data[i * SEGMENT : (i + 1) * SEGMENT] for i in range(count)]
    offsets = [_cell(cells, part, near, spare=4) for part in parts]
    listing = _cell(cells, struct.pack(f"<{count}I", *offsets), near)
    return len(data), _cell(cells, _DB.pack(b"db", count, listing), near)


def _cell(cells: Cells, content: bytes, near: int, spare: int = 0) -> int:
    offset = cells.allocate(len(content) + spare, near)
    cells.write(offset + baseblock.SIZE + 4, content)
    return offset


def replace(cells: Cells, vk: int, data: bytes, near: int) -> None:
    """Replace the data of a value, in the same cell if it fits.

    Args:
        cells: the cells of the hive.
        vk: file position of the value's content.
        data: the new data.
        near: a cell offset near which to allocate.

    Raises:
        RegfError: the data is too large.
    """
    size, place = struct.unpack_from("<II", cells.data, vk + node.VK_DATA_SIZE)
    if not size & node.RESIDENT and size and 4 < len(data) <= SEGMENT:
        start, end = cells.locate(place, 0, "value data")
        if max(size, len(data)) <= end - start:
            cells.write(start, data + bytes(max(size - len(data), 0)))
            cells.shrink(place, len(data))
            cells.write_u32(vk + node.VK_DATA_SIZE, len(data))
            return
    free(cells, vk)
    words = store(cells, data, near)
    cells.write(vk + node.VK_DATA_SIZE, struct.pack("<II", *words))
