"""Security cells (sk): descriptors that keys share, counted, in one ring through the hive."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from reseal.regf import baseblock, node

if TYPE_CHECKING:
    from reseal.regf.cells import Cells

_SK = struct.Struct("<2sHIIII")
_FLINK, _BLINK, _COUNT, _LENGTH, _DESCRIPTOR = 4, 8, 12, 16, 20


def read(cells: Cells, offset: int) -> bytes:
    """Return the descriptor that a security cell holds, self-relative."""
    start, end = cells.locate_signed(offset, b"sk", _DESCRIPTOR, "a security descriptor")
    length = cells.u32(start + _LENGTH)
    if start + _DESCRIPTOR + length > end:
        raise cells.damage("a security descriptor is longer than its cell", offset)
    return bytes(cells.data[start + _DESCRIPTOR : start + _DESCRIPTOR + length])


def parse(cells: Cells, offset: int) -> tuple[int, int, int, bytes]:
    """Return the next and the previous cell of the ring, the count of keys, the descriptor."""
    start, _ = cells.locate_signed(offset, b"sk", _DESCRIPTOR, "a security descriptor")
    _, _, after, before, count, _ = _SK.unpack_from(cells.data, start)
    return after, before, count, read(cells, offset)


def share(cells: Cells, offset: int) -> None:
    """Count one more key that uses a security cell."""
    start, _ = cells.locate_signed(offset, b"sk", _DESCRIPTOR, "a security descriptor")
    cells.write_u32(start + _COUNT, cells.u32(start + _COUNT) + 1)


def release(cells: Cells, offset: int) -> None:
    """Count one key less that uses a security cell; with the last the cell goes."""
    start, _ = cells.locate_signed(offset, b"sk", _DESCRIPTOR, "a security descriptor")
    count = cells.u32(start + _COUNT)
    if count > 1:
        cells.write_u32(start + _COUNT, count - 1)
        return
    after, before = cells.u32(start + _FLINK), cells.u32(start + _BLINK)
    if after == offset:
        # The last cell of the ring: the hive is being emptied, or its counts are wrong.
        return
    next_start, _ = cells.locate_signed(after, b"sk", _DESCRIPTOR, "a security descriptor")
    last_start, _ = cells.locate_signed(before, b"sk", _DESCRIPTOR, "a security descriptor")
    cells.write_u32(next_start + _BLINK, before)
    cells.write_u32(last_start + _FLINK, after)
    cells.free(offset)


def of_key(cells: Cells, key: int) -> int:
    """Return the offset of the security cell of the key at an nk offset."""
    start, _ = cells.locate_signed(key, b"nk", node.NK_SIZE, "a key")
    return cells.u32(start + node.NK_SECURITY)


def obtain(cells: Cells, descriptor: bytes, ring: int) -> int:
    """Return the security cell with this descriptor, counted once more; make it where needed.

    Args:
        cells: the cells of the hive.
        descriptor: self-relative security descriptor.
        ring: any security cell of the hive.
    """
    offset, seen = ring, set[int]()
    while offset not in seen:
        seen.add(offset)
        start, _ = cells.locate_signed(offset, b"sk", _DESCRIPTOR, "a security descriptor")
        if cells.u32(start + _LENGTH) == len(descriptor) and read(cells, offset) == descriptor:
            share(cells, offset)
            return offset
        offset = cells.u32(start + _FLINK)
    made = cells.allocate(_DESCRIPTOR + len(descriptor), ring)
    start, _ = cells.locate_signed(ring, b"sk", _DESCRIPTOR, "a security descriptor")
    after = cells.u32(start + _FLINK)
    _write(cells, made, after, ring, descriptor)
    cells.write_u32(start + _FLINK, made)
    next_start, _ = cells.locate_signed(after, b"sk", _DESCRIPTOR, "a security descriptor")
    cells.write_u32(next_start + _BLINK, made)
    return made


def first(cells: Cells, descriptor: bytes) -> int:
    """Make the only security cell of a new hive."""
    offset = cells.allocate(_DESCRIPTOR + len(descriptor), 0)
    _write(cells, offset, offset, offset, descriptor)
    return offset


def _write(cells: Cells, offset: int, after: int, before: int, descriptor: bytes) -> None:
    head = _SK.pack(b"sk", 0, after, before, 1, len(descriptor))
    cells.write(offset + baseblock.SIZE + 4, head + descriptor)
