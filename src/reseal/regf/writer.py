"""Write a hive sequentially, without free cells.

This compacts a hive, or creates a large one in seconds. Each key is requested once and then dropped, so
memory holds little more than the result.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from reseal.regf import baseblock, names, node
from reseal.regf.cells import BIN_HEADER, NIL, PAGE
from reseal.regf.data import BIG_DATA_MINOR, SEGMENT
from reseal.regf.errors import RegfError
from reseal.regf.subkeys import PACKED_LEAF, leaf_kind

Source = TypeVar("Source")

#: A value: stored name, vk flags, type, data, spare field of the vk.
PlainValue = tuple[bytes, int, int, bytes, int]
#: A subkey: its source, stored name, whether the name is compressed.
PlainChild = tuple[Source, bytes, bool]

_HOLES = 64


@dataclass(slots=True)
class PlainKey(Generic[Source]):
    """The content of a key, without its name and place.

    Attributes:
        flags: flags of the nk.
        time: last-written time, FILETIME.
        descriptor: its security descriptor.
        values: its values in order.
        children: its subkeys, sorted by upper-cased name.
        class_data: its class as stored.
        access: access bits and layered-key fields of the nk.
        virtual: virtualisation and user flags, stored above the largest name length.
        work: the nk's work variable.
        predefined: the predefined handle that replaces the value count, if the flags have it.
    """

    flags: int
    time: int
    descriptor: bytes
    values: Iterable[PlainValue] = ()
    children: list[PlainChild[Source]] = field(default_factory=list)
    class_data: bytes = b""
    access: int = 0
    virtual: int = 0
    work: int = 0
    predefined: int | None = None


class Writer(Generic[Source]):
    """Writes one hive.

    Args:
        base: the base block; all fields except size, root and checksum are preserved.
        expand: returns the content of the key for a source.
        limit: maximum size of the hive in bytes.
    """

    def __init__(
        self,
        base: bytearray,
        expand: Callable[[Source], PlainKey[Source]],
        limit: int = baseblock.BINS_LIMIT,
    ) -> None:
        self._data = bytearray(base[: baseblock.SIZE])
        self._minor = struct.unpack_from("<I", base, baseblock.MINOR_VERSION)[0]
        self._expand = expand
        self._limit = limit
        self._next = 0
        self._end = 0
        self._holes: list[tuple[int, int]] = []
        self._descriptors: dict[bytes, list[int]] = {}

    def write(self, root: Source, name: bytes, *, compressed: bool = True) -> bytearray:
        """Write the whole hive; return the file without its checksum.

        Args:
            root: source of the root key.
            name: stored name of the root key.
            compressed: whether `name` is compressed.

        Raises:
            RegfError: the hive would be larger than the limit.
        """
        offset = self._reserve(node.NK_SIZE + len(name))
        struct.pack_into("<I", self._data, baseblock.ROOT, offset)
        pending = [(root, offset, NIL, name, compressed)]
        while pending:
            source, offset, parent, stored, short = pending.pop()
            below = self._key(source, offset, parent, stored, compressed=short)
            below.reverse()
            pending += below
        self._close_bin()
        self._ring()
        size = len(self._data) - baseblock.SIZE
        struct.pack_into("<I", self._data, baseblock.BINS_SIZE, size)
        return self._data

    # Cells

    def _reserve(self, length: int) -> int:
        """Return the offset of a new cell in use for `length` bytes."""
        size = length + 11 & ~7
        offset = self._next
        if offset + size > self._end:
            for index, (hole, room) in enumerate(self._holes):
                if room >= size:
                    return self._fill(index, hole, room, size)
            self._close_bin()
            offset = self._open_bin(size)
        self._next = offset + size
        struct.pack_into("<i", self._data, offset + baseblock.SIZE, -size)
        return offset

    def _fill(self, index: int, hole: int, room: int, size: int) -> int:
        """Place a cell in the free end of an earlier bin."""
        del self._holes[index]
        struct.pack_into("<i", self._data, hole + baseblock.SIZE, -size)
        if room > size:
            self._holes.append((hole + size, room - size))
            struct.pack_into("<i", self._data, hole + size + baseblock.SIZE, room - size)
        return hole

    def _open_bin(self, size: int) -> int:
        start = len(self._data) - baseblock.SIZE
        length = (size + BIN_HEADER + PAGE - 1) // PAGE * PAGE
        if start + length > self._limit:
            msg = f"The hive would be larger than {self._limit} bytes."
            raise RegfError(msg)
        self._data += struct.pack("<4sIIQQI", b"hbin", start, length, 0, 0, 0)
        self._data += bytes(length - BIN_HEADER)
        if not start:
            # The first bin has a copy of the base block's timestamp.
            stamp = self._data[baseblock.TIMESTAMP : baseblock.TIMESTAMP + 8]
            self._data[baseblock.SIZE + 20 : baseblock.SIZE + 28] = stamp
        self._end = start + length
        return start + BIN_HEADER

    def _close_bin(self) -> None:
        rest = self._end - self._next
        if rest:
            struct.pack_into("<i", self._data, self._next + baseblock.SIZE, rest)
            self._holes.append((self._next, rest))
            if len(self._holes) > _HOLES:
                self._holes.remove(min(self._holes, key=lambda hole: hole[1]))
        self._next = self._end

    def _cell(self, content: bytes) -> int:
        offset = self._reserve(len(content))
        self._put(offset, content)
        return offset

    def _put(self, offset: int, content: bytes) -> None:
        start = offset + baseblock.SIZE + 4
        self._data[start : start + len(content)] = content

    # Content of cells

    def _key(
        self, source: Source, offset: int, parent: int, stored: bytes, *, compressed: bool
    ) -> list[tuple[Source, int, int, bytes, bool]]:
        """Write a key into its reserved cell; reserve the cells of its subkeys and return them."""
        key = self._expand(source)
        count, listing, longest, largest = self._values(key)
        if key.predefined is not None:
            count, listing = key.predefined, NIL
        class_offset = self._cell(key.class_data) if key.class_data else NIL
        below = [
            (child, self._reserve(node.NK_SIZE + len(name)), offset, name, short)
            for child, name, short in key.children
        ]
        subkeys = self._list(below) if below else NIL
        name_length = max(
            (len(name) * 2 if short else len(name) for _, name, short in key.children), default=0
        )
        content = node.NK.pack(
            b"nk",
            key.flags & ~node.COMPRESSED | (node.COMPRESSED if compressed else 0),
            key.time,
            key.access,
            parent,
            len(below),
            0,
            subkeys,
            NIL,
            count,
            listing,
            self._descriptor(key.descriptor),
            class_offset,
            name_length | key.virtual << 16,
            0,
            longest,
            largest,
            key.work,
            len(stored),
            len(key.class_data),
        )
        self._put(offset, content + stored)
        if key.class_data and parent != NIL:
            place = parent + baseblock.SIZE + 4 + node.NK_MAX_CLASS
            (largest_class,) = struct.unpack_from("<I", self._data, place)
            if largest_class < len(key.class_data):
                struct.pack_into("<I", self._data, place, len(key.class_data))
        return below

    def _values(self, key: PlainKey[Source]) -> tuple[int, int, int, int]:
        """Write the values of a key; return count, list, longest name and largest data."""
        offsets: list[int] = []
        longest = largest = 0
        for name, flags, number, content, spare in key.values:
            size = len(content)
            if size <= 4:
                place = int.from_bytes(content.ljust(4, b"\0"), "little")
                words = size | node.RESIDENT, place
            else:
                words = size, self._value_data(content)
            head = struct.pack("<2sHIIIHH", b"vk", len(name), *words, number, flags, spare)
            offsets.append(self._cell(head + name))
            longest = max(longest, len(name) * (2 if flags & node.VK_COMPRESSED else 1))
            largest = max(largest, size)
        if not offsets:
            return 0, NIL, 0, 0
        listing = self._cell(struct.pack(f"<{len(offsets)}I", *offsets))
        return len(offsets), listing, longest, largest

    def _value_data(self, content: bytes) -> int:
        if len(content) <= SEGMENT or self._minor < BIG_DATA_MINOR:
            return self._cell(content)
        offsets: list[int] = []
        for place in range(0, len(content), SEGMENT):
            part = content[place : place + SEGMENT]
            # Four more bytes, as in `data.store`.
            offsets.append(self._reserve(len(part) + 4))
            self._put(offsets[-1], part)
        listing = self._cell(struct.pack(f"<{len(offsets)}I", *offsets))
        return self._cell(struct.pack("<2sHI", b"db", len(offsets), listing))

    def _list(self, below: list[tuple[Source, int, int, bytes, bool]]) -> int:
        """Write the list of subkeys."""
        kind = leaf_kind(self._minor)
        if kind == b"lf" and len(below) > PACKED_LEAF:
            kind = b"li"
        leaves: list[int] = []
        for first in range(0, len(below), PACKED_LEAF):
            part = below[first : first + PACKED_LEAF]
            words: list[int] = []
            for _, offset, _, stored, compressed in part:
                words.append(offset)
                if kind == b"lh":
                    name = names.decode(stored, compressed=compressed)
                    words.append(names.hash_lh(names.upcase(name)))
                elif kind == b"lf":
                    name = names.decode(stored, compressed=compressed)
                    words.append(int.from_bytes(names.hint_lf(name), "little"))
            head = struct.pack("<2sH", kind, len(part))
            leaves.append(self._cell(head + struct.pack(f"<{len(words)}I", *words)))
        if len(leaves) == 1:
            return leaves[0]
        return self._cell(struct.pack(f"<2sH{len(leaves)}I", b"ri", len(leaves), *leaves))

    def _descriptor(self, descriptor: bytes) -> int:
        known = self._descriptors.get(descriptor)
        if known is None:
            offset = self._cell(bytes(20) + descriptor)
            known = self._descriptors[descriptor] = [offset, 0]
        known[1] += 1
        return known[0]

    def _ring(self) -> None:
        """Link the security cells, and write their reference counts."""
        ring = [(offset, count, len(sd)) for sd, (offset, count) in self._descriptors.items()]
        for index, (offset, count, size) in enumerate(ring):
            after, before = ring[(index + 1) % len(ring)][0], ring[index - 1][0]
            self._put(offset, struct.pack("<2sHIIII", b"sk", 0, after, before, count, size))
