"""A pass over many keys at the speed that Python allows.

`Key` and `Value` look at one thing at a time and can be edited at any moment; a `Reader` is for
reading a tree whole: export, comparison, compaction. It reads nothing twice, so what it returns is
never more than the hive holds, whatever a damaged or hostile hive makes its references say.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from reseal.regf import baseblock, data, names, node, security
from reseal.regf.cells import BIN_HEADER, NIL
from reseal.regf.limits import DEPTH_LIMIT
from reseal.regf.subkeys import SubkeyList

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.regf.cells import Cells

_SIZE = struct.Struct("<i")
_SIZE_AND_VK = struct.Struct("<i2sHIIIHH")
_SIZE_AND_NK = struct.Struct("<i2sHQIIIIIIIIIIIIIIIHH")


class Node(NamedTuple):
    """The fields of a key node, as they are stored, and its name."""

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
    """One value as it is stored."""

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
    """One pass over the keys of a hive, each of which is to be asked for only once."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._limit = cells.bins_size - node.NK_SIZE - 4
        # Twice, since a caller may look at the top of a tree before it walks it.
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
            RegfError: there is none, or it is damaged; this goes for all methods.
        """
        cells = self._cells
        if not BIN_HEADER <= offset <= self._limit:
            raise cells.damage("a reference to a key points to no cell", offset)
        start = offset + baseblock.SIZE
        size, signature, *fields = _SIZE_AND_NK.unpack_from(cells.data, start)
        used = node.NK_SIZE + fields[17]
        if signature != b"nk" or offset & 7 or used + 4 > -size or offset - size > cells.bins_size:
            cells.locate_signed(offset, b"nk", used, "a key with its name")
        self._spend(used, offset)
        name = cells.data[start + 4 + node.NK_SIZE : start + 4 + used]
        return Node._make((*fields, bytes(name)))

    def values(self, key: Node) -> Iterator[RawValue]:
        """Yield the values of a key in their order."""
        if not key.value_count or key.flags & node.PREDEFINED:
            return
        cells = self._cells
        content, limit, last = cells.data, cells.bins_size, cells.bins_size - node.VK_SIZE - 4
        start, _ = cells.locate(key.values, 4 * key.value_count, "a list of values")
        self._spend(4 * key.value_count, key.values)
        for offset in struct.unpack_from(f"<{key.value_count}I", content, start):
            if not BIN_HEADER <= offset <= last:
                raise cells.damage("a reference to a value points to no cell", offset)
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
        """Yield the offset of each value's cell, and where its content begins in the file."""
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
        """Return data that is not resident, from one cell or otherwise as `data.read` finds it."""
        limit = self._cells.bins_size
        if not place & 7 and BIN_HEADER <= place <= limit - 8:
            start = place + baseblock.SIZE
            size: int = _SIZE.unpack_from(self._cells.data, start)[0]
            if length + 4 <= -size and place - size <= limit:
                return self._cells.data[start + 4 : start + 4 + length]
        return data.read(self._cells, vk)

    def children(self, offset: int, key: Node) -> list[int]:
        """Return the offsets of the subkeys in their order."""
        if not key.subkey_count or key.subkeys == NIL:
            return []
        offsets = SubkeyList(self._cells, offset).offsets()
        self._spend(4 * len(offsets), offset)
        return offsets

    def class_data(self, key: Node) -> bytes:
        """Return the class of a key as stored, nothing where it has none."""
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
        """Yield (path, offset, node) of a key and all below it, parents first, in the hive's order.

        The path of the first is `path`; a `Node` belongs to `values` of the same reader.
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
