"""The values of keys."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from reseal.regf import data, names, node, types
from reseal.regf.cells import Cells
from reseal.regf.errors import RegfError


class Value:
    """One value of a key, read from the hive on access.

    It is valid while the value exists. After `Key.unset` or the deletion of its key, every access raises
    RegfError.
    """

    __slots__ = ("_cells", "_epoch", "_offset", "_start")

    def __init__(self, cells: Cells, offset: int) -> None:
        self._cells = cells
        self._offset = offset
        self._epoch = cells.epochs.get(offset, 0)
        self._start = 0  # of the content in the file, once it was checked

    def _vk(self) -> int:
        if self._cells.epochs.get(self._offset, 0) != self._epoch:
            msg = f"{self._cells.name}: this value was deleted."
            raise RegfError(msg)
        if not self._start:
            self._start = self._cells.locate_signed(self._offset, b"vk", node.VK_SIZE, "a value")[0]
        return self._start

    @property
    def offset(self) -> int:
        """Offset of the value's cell."""
        return self._offset

    @property
    def name(self) -> str:
        """The value's name; the empty string for the default value."""
        self._vk()
        return names.of_value(self._cells, self._offset)

    @property
    def type(self) -> int:
        """The type number as stored, which may be unknown to `types`."""
        return self._cells.u32(self._vk() + node.VK_TYPE)

    @property
    def data(self) -> bytes:
        """The data as stored."""
        return data.read(self._cells, self._vk())

    @property
    def places(self) -> list[tuple[int, int]]:
        """The places of its name and data in the file: (start, end) of each piece."""
        vk = self._vk()
        (size,) = struct.unpack_from("<H", self._cells.data, vk + node.VK_NAME_SIZE)
        return [(vk, vk + node.VK_SIZE + size), *data.pieces(self._cells, vk)]

    @property
    def decoded(self) -> str | int | list[str] | bytes:
        """The data as a Python value; see `types.decode`."""
        return types.decode(self.type, self.data)

    def __repr__(self) -> str:
        return f"<Value {self.name!r} {types.name(self.type)}>"


class ValueList:
    """The list of values of the key whose nk content is at file position `nk`."""

    def __init__(self, cells: Cells, key: int, nk: int) -> None:
        self._cells = cells
        self._key = key
        self._nk = nk
        self.count = cells.u32(nk + node.NK_VALUE_COUNT)
        self._list = cells.u32(nk + node.NK_VALUES)
        (flags,) = struct.unpack_from("<H", cells.data, nk + node.NK_FLAGS)
        if flags & node.PREDEFINED:
            # The count field is a predefined handle here, and the key has no values.
            self.count = 0

    def offsets(self) -> tuple[int, ...]:
        """Return the offsets of the values in order of creation."""
        if not self.count:
            return ()
        start, _ = self._cells.locate(self._list, 4 * self.count, "a list of values")
        return struct.unpack_from(f"<{self.count}I", self._cells.data, start)

    def find(self, name: str) -> int | None:
        """Return the offset of the value with this name, or None."""
        upper = names.upcase(name)
        size = len(upper)
        sizes = (size, 2 * size, 2 * size + 1) if upper.isascii() else ()
        for offset in self.offsets():
            if sizes and names.size_of_value(self._cells, offset) not in sizes:
                continue
            if names.upcase(names.of_value(self._cells, offset)) == upper:
                return offset
        return None

    def __iter__(self) -> Iterator[Value]:
        return (Value(self._cells, offset) for offset in self.offsets())

    def by_name(self) -> dict[str, int]:
        """Return the offsets of all values by upper-cased name."""
        return {
            names.upcase(names.of_value(self._cells, offset)): offset for offset in self.offsets()
        }

    def add(self, name: str, number: int, content: bytes) -> None:
        """Append a value that does not exist yet.

        Args:
            name: its name.
            number: its type.
            content: its data as stored.
        """
        self.append([self.make(name, number, content)])

    def append(self, offsets: list[int]) -> None:
        """Append created values to the list."""
        if offsets:
            self._store((*self.offsets(), *offsets))

    def make(self, name: str, number: int, content: bytes) -> int:
        """Create a value without adding it to the list; return its offset.

        Args:
            name: its name.
            number: its type.
            content: its data as stored.
        """
        cells = self._cells
        stored, compressed = names.encode(name)
        offset = cells.allocate(node.VK_SIZE + len(stored), self._key)
        size, place = data.store(cells, content, offset)
        # The default value has no name and so no encoding of one: all 9,645 default values in eleven
        # hives of Windows carry flag 0, and impacket can't read a hive in which they carry 1 (seen).
        flags = node.VK_COMPRESSED if compressed and stored else 0
        head = node.VK.pack(b"vk", len(stored), size, place, number, flags, 0)
        cells.write(offset + 4096 + 4, head + stored)
        _raise(cells, self._nk + node.NK_MAX_VALUE_NAME, 2 * names.units(name))
        _raise(cells, self._nk + node.NK_MAX_VALUE_DATA, len(content))
        return offset

    def change(self, offset: int, number: int, content: bytes) -> bool:
        """Change the type and data of a value; return whether they were different.

        Args:
            offset: offset of the value.
            number: its new type.
            content: its new data as stored.
        """
        vk, _ = self._cells.locate_signed(offset, b"vk", node.VK_SIZE, "a value")
        if self._cells.u32(vk + node.VK_TYPE) == number and data.read(self._cells, vk) == content:
            return False
        data.replace(self._cells, vk, content, offset)
        self._cells.write_u32(vk + node.VK_TYPE, number)
        _raise(self._cells, self._nk + node.NK_MAX_VALUE_DATA, len(content))
        return True

    def remove(self, offset: int) -> None:
        """Delete a value."""
        offsets = list(self.offsets())
        offsets.remove(offset)
        free_value(self._cells, offset)
        self._store(tuple(offsets))

    def free(self) -> None:
        """Free all cells of all values, before the key is deleted."""
        for offset in self.offsets():
            free_value(self._cells, offset)
        if self.count:
            self._cells.free(self._list)

    def _store(self, offsets: tuple[int, ...]) -> None:
        cells = self._cells
        content = struct.pack(f"<{len(offsets)}I", *offsets)
        if not offsets:
            cells.free(self._list)
            self._place(0xFFFFFFFF)
            # Windows does this with the last value (inferred from hives of Windows).
            cells.write(self._nk + node.NK_MAX_VALUE_NAME, bytes(8))
        elif self.count:
            start, end = cells.locate(self._list, 4 * self.count, "a list of values")
            if len(content) <= end - start:
                cells.write(start, content.ljust(4 * self.count, b"\0"))
            else:
                old = self._list
                self._place(_listing(cells, content, self._key))
                cells.free(old)
        else:
            self._place(_listing(cells, content, self._key))
        self.count = len(offsets)
        cells.write_u32(self._nk + node.NK_VALUE_COUNT, self.count)

    def _place(self, offset: int) -> None:
        self._list = offset
        self._cells.write_u32(self._nk + node.NK_VALUES, offset)


def _listing(cells: Cells, content: bytes, near: int) -> int:
    # Reserve room for a quarter more, so that the list does not move for each value.
    offset = cells.allocate(len(content) + len(content) // 16 * 4, near)
    cells.write(offset + 4096 + 4, content)
    return offset


def free_value(cells: Cells, offset: int) -> None:
    """Free the cells of one value."""
    vk, _ = cells.locate_signed(offset, b"vk", node.VK_SIZE, "a value")
    data.free(cells, vk)
    cells.free(offset)


def _raise(cells: Cells, position: int, number: int) -> None:
    if cells.u32(position) < number:
        cells.write_u32(position, number)
