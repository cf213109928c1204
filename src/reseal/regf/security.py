"""Security cells (sk): shared descriptors with reference counts, linked in a ring."""

from __future__ import annotations

import struct

from reseal.regf import baseblock
from reseal.regf.cells import Cells

_SK = struct.Struct("<2sHIIII")
_FLINK, _BLINK, _COUNT, _LENGTH, _DESCRIPTOR = 4, 8, 12, 16, 20


def _locate(cells: Cells, offset: int) -> tuple[int, int]:
    return cells.locate_signed(offset, b"sk", _DESCRIPTOR, "a security descriptor")


def read(cells: Cells, offset: int) -> bytes:
    """Return the self-relative descriptor in a security cell."""
    start, end = _locate(cells, offset)
    length = cells.u32(start + _LENGTH)
    if start + _DESCRIPTOR + length > end:
        raise cells.damage("a security descriptor is longer than its cell", offset)
    return bytes(cells.data[start + _DESCRIPTOR : start + _DESCRIPTOR + length])


def parse(cells: Cells, offset: int) -> tuple[int, int, int, bytes]:
    """Return the next and previous cell in the ring, the count of keys, and the descriptor."""
    start, _ = _locate(cells, offset)
    _, _, after, before, count, _ = _SK.unpack_from(cells.data, start)
    return after, before, count, read(cells, offset)


class SecurityCells:
    """The security cells of a hive, for edits.

    Args:
        cells: the cells of the hive.
    """

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        #: Cells by descriptor, collected from the whole ring at the first lookup.
        self._known: dict[bytes, int] | None = None

    def share(self, offset: int) -> None:
        """Increase the count of keys that use a cell."""
        start, _ = _locate(self._cells, offset)
        self._cells.write_u32(start + _COUNT, self._cells.u32(start + _COUNT) + 1)

    def release(self, offset: int, times: int = 1) -> None:
        """Decrease the count of keys that use a cell; free the cell at zero."""
        cells = self._cells
        after, before, count, descriptor = parse(cells, offset)
        start, _ = _locate(cells, offset)
        if count > times:
            cells.write_u32(start + _COUNT, count - times)
            return
        if after == offset:
            # This is the only cell of the ring. At least the root key uses it, so the count is wrong.
            return
        next_start, _ = _locate(cells, after)
        last_start, _ = _locate(cells, before)
        cells.write_u32(next_start + _BLINK, before)
        cells.write_u32(last_start + _FLINK, after)
        if self._known is not None and self._known.get(descriptor) == offset:
            del self._known[descriptor]
        cells.free(offset)

    def obtain(self, descriptor: bytes, ring: int) -> int:
        """Return the cell of a descriptor and count one more use; create the cell if needed.

        Args:
            descriptor: self-relative security descriptor.
            ring: any cell of the ring.
        """
        if self._known is None:
            self._known = self._learn(ring)
        offset = self._known.get(descriptor)
        if offset is not None:
            self.share(offset)
            return offset
        cells = self._cells
        offset = cells.allocate(_DESCRIPTOR + len(descriptor), ring)
        start, _ = _locate(cells, ring)
        after = cells.u32(start + _FLINK)
        next_start, _ = _locate(cells, after)
        write(cells, offset, after, ring, descriptor)
        cells.write_u32(start + _FLINK, offset)
        cells.write_u32(next_start + _BLINK, offset)
        self._known[descriptor] = offset
        return offset

    def _learn(self, offset: int) -> dict[bytes, int]:
        known: dict[bytes, int] = {}
        seen: set[int] = set()
        left = self._cells.bins_size
        while offset not in seen:
            seen.add(offset)
            after, _, _, descriptor = parse(self._cells, offset)
            left -= len(descriptor)
            if left < 0:
                raise self._cells.damage("security descriptors overlap", offset)
            known.setdefault(descriptor, offset)
            offset = after
        return known

    def forget(self) -> None:
        """Drop the cache, after descriptors were changed in place."""
        self._known = None


def write(cells: Cells, offset: int, after: int, before: int, descriptor: bytes) -> None:
    """Fill a new security cell that one key uses.

    Args:
        cells: the cells of the hive.
        offset: offset of the new cell.
        after: offset of the next cell in the ring.
        before: offset of the previous cell in the ring.
        descriptor: self-relative security descriptor.
    """
    head = _SK.pack(b"sk", 0, after, before, 1, len(descriptor))
    cells.write(offset + baseblock.SIZE + 4, head + descriptor)
