"""Fast reading of many keys.

`Key` and `Value` give access to single items and allow edits at any time. A `Reader` reads a whole tree:
for export, comparison, compaction. It reads each cell at most once, so its output is bounded by the size
of the hive, even if references in a hostile hive form loops.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from reseal.regf import baseblock, data, names, node, security
from reseal.regf.cells import BIN_HEADER, NIL, Cells
from reseal.regf.limits import DEPTH_LIMIT
from reseal.regf.subkeys import SubkeyList

_SIZE = struct.Struct("<i")
_SIZE_AND_VK = struct.Struct("<i2sHIIIHH")
_SIZE_AND_NK = struct.Struct("<i2sHQIIIIIIIIIIIIIIIHH")


class Node(NamedTuple):
    """The fields of a key node as stored, and its name."""

    flags: int
    time: int
    access: int
    parent: int
    subkey_count: int
    volatile_count: int
    subkeys: int
    volatile_subkeys: int
    value_count: int
    values: int
    security: int
    class_offset: int
    max_name: int
    max_class: int
    max_value_name: int
    max_value_data: int
    work: int
    name_size: int
    class_size: int
    stored_name: bytes

    @property
    def name(self) -> str:
        """The key's name."""
        return names.decode(self.stored_name, compressed=bool(self.flags & node.COMPRESSED))


class RawValue(NamedTuple):
    """One value as stored."""

    stored_name: bytes
    flags: int
    type: int
    data: bytes
    spare: int

    @property
    def name(self) -> str:
        """The value's name."""
        return names.decode(self.stored_name, compressed=bool(self.flags & node.VK_COMPRESSED))


class Reader:
    """One pass over the keys of a hive. The caller may request each key only once."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._limit = cells.bins_size - node.NK_SIZE - 4
        # Allow twice the size, because a caller may read the top key before it walks the tree.
        self._left = 2 * cells.bins_size
        self._descriptors: dict[int, bytes] = {}

    def _spend(self, size: int, offset: int) -> None:
        self._left -= size
        if self._left < 0:
            text = "more is referenced than the hive holds (a loop, or cells used twice)"
            raise self._cells.damage(text, offset)

    def node(self, offset: int) -> Node:
        """Return the key at a cell offset.

        Raises:
            RegfError: the cell is not a key, or is damaged. All methods may raise this.
        """
        cells = self._cells
        if not BIN_HEADER <= offset <= self._limit:
            raise cells.damage("a reference to a key is invalid", offset)
        start = offset + baseblock.SIZE
        size, signature, *fields = _SIZE_AND_NK.unpack_from(cells.data, start)
        used = node.NK_SIZE + fields[17]
        if signature != b"nk" or offset & 7 or used + 4 > -size or offset - size > cells.bins_size:
            cells.locate_signed(offset, b"nk", used, "a key with its name")
        self._spend(used, offset)
        name = cells.data[start + 4 + node.NK_SIZE : start + 4 + used]
        return Node._make((*fields, bytes(name)))

    def values(self, key: Node) -> Iterator[RawValue]:
        """Yield the values of a key in stored order."""
        if not key.value_count or key.flags & node.PREDEFINED:
            return
        cells = self._cells
        content, limit, last = cells.data, cells.bins_size, cells.bins_size - node.VK_SIZE - 4
        start, _ = cells.locate(key.values, 4 * key.value_count, "a list of values")
        self._spend(4 * key.value_count, key.values)
        for offset in struct.unpack_from(f"<{key.value_count}I", content, start):
            if not BIN_HEADER <= offset <= last:
                raise cells.damage("a reference to a value is invalid", offset)
            at = offset + baseblock.SIZE
            size, signature, name_size, length, place, number, flags, spare = (
                _SIZE_AND_VK.unpack_from(content, at)
            )
            used = node.VK_SIZE + name_size
            if signature != b"vk" or offset & 7 or used + 4 > -size or offset - size > limit:
                cells.locate_signed(offset, b"vk", used, "a value with its name")
            if length & node.RESIDENT:
                self._spend(used, offset)
                first = at + 4 + node.VK_DATA
                raw = content[first : first + min(length & ~node.RESIDENT, 4)]
            else:
                self._spend(used + length, offset)
                raw = self._data(place, length, at + 4) if length else b""
            name = content[at + 4 + node.VK_SIZE : at + 4 + used]
            yield RawValue(bytes(name), flags, number, bytes(raw), spare)

    def value_cells(self, key: Node) -> Iterator[tuple[int, int]]:
        """Yield the offset of each value's cell, and the file position of its content."""
        if not key.value_count or key.flags & node.PREDEFINED:
            return
        cells = self._cells
        start, _ = cells.locate(key.values, 4 * key.value_count, "a list of values")
        self._spend(24 * key.value_count, key.values)
        for offset in struct.unpack_from(f"<{key.value_count}I", cells.data, start):
            vk, _ = cells.locate_signed(offset, b"vk", node.VK_SIZE, "a value")
            size = cells.u32(vk + node.VK_DATA_SIZE)
            self._spend(0 if size & node.RESIDENT else size, offset)
            yield offset, vk

    def _data(self, place: int, length: int, vk: int) -> bytes | bytearray:
        """Return non-resident data: from one cell, or through `data.read`."""
        limit = self._cells.bins_size
        if not place & 7 and BIN_HEADER <= place <= limit - 8:
            start = place + baseblock.SIZE
            size: int = _SIZE.unpack_from(self._cells.data, start)[0]
            if length + 4 <= -size and place - size <= limit:
                return self._cells.data[start + 4 : start + 4 + length]
        return data.read(self._cells, vk)

    def children(self, offset: int, key: Node) -> list[int]:
        """Return the offsets of the subkeys in stored order."""
        if not key.subkey_count or key.subkeys == NIL:
            return []
        offsets = SubkeyList(self._cells, offset).offsets()
        self._spend(4 * len(offsets), offset)
        return offsets

    def class_data(self, key: Node) -> bytes:
        """Return the class of a key as stored; empty if it has none."""
        if not key.class_size or key.class_offset == NIL:
            return b""
        start, _ = self._cells.locate(key.class_offset, key.class_size, "a class name")
        self._spend(key.class_size, key.class_offset)
        return bytes(self._cells.data[start : start + key.class_size])

    def descriptor(self, key: Node) -> bytes:
        """Return the security descriptor of a key."""
        known = self._descriptors.get(key.security)
        if known is None:
            known = security.read(self._cells, key.security)
            self._spend(len(known), key.security)
            self._descriptors[key.security] = known
        return known

    def walk(self, offset: int, path: str = "") -> Iterator[tuple[str, int, Node]]:
        """Yield (path, offset, node) of a key and its subkeys, parents first, in stored order.

        The first key has the path `path`. Pass a `Node` only to methods of the same reader.
        """
        pending = [(offset, path, 0)]
        while pending:
            offset, path, depth = pending.pop()
            key = self.node(offset)
            if depth:
                path = f"{path}\\{key.name}" if path else key.name
            yield path, offset, key
            children = self.children(offset, key)
            if children:
                if depth >= DEPTH_LIMIT:
                    raise self._cells.damage("the tree of keys is too deep", offset)
                children.reverse()
                pending += [(child, path, depth + 1) for child in children]
