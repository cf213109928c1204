"""Cells and bins: the bytes of a hive, its free space and its changed pages.

A hive is a base block followed by bins. A bin is a multiple of 4096 bytes: a header of 32 bytes, then
cells without gaps. A cell starts with a signed 32-bit size, negative if the cell is in use; sizes are
multiples of 8. All references are cell offsets relative to the first bin.

Opening a hive scans nothing. The first edit locates the bins; an allocation searches for free space bin
by bin, outward from the edited key.
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from mmap import mmap

from reseal.regf import baseblock
from reseal.regf.baseblock import Content
from reseal.regf.errors import RegfError

#: Offset that means "none".
NIL = 0xFFFFFFFF
BIN_HEADER = 32
PAGE = 4096
SMALLEST_CELL = 8

_SIZE = struct.Struct("<i")
_SIZE_AND_SIGNATURE = struct.Struct("<i2s")
_U32 = struct.Struct("<I")
_BIN = struct.Struct("<4sIIQQI")

#: Bytes of bins that one allocation searches for free space before it adds a bin.
_SEARCH_LIMIT = 256 * 1024
#: Larger bins are not searched: one of 100 MB would take more than a second.
_BIN_SEARCH_LIMIT = 1 << 20


class Children:
    """Which subkeys were found, and which were not there, since the same paths are looked up again and again.

    A key is its cell's offset and epoch, so that what is known of a deleted key is never used. The list of
    subkeys forgets a name that it inserts or removes.

    Args:
        epochs: of the cells; see `Cells`.
    """

    #: A run of generalize asks for about two thousand keys of a large hive.
    LIMIT = 8192

    def __init__(self, epochs: dict[int, int]) -> None:
        self._epochs = epochs
        self._known: dict[tuple[int, int], dict[str, tuple[int, int]]] = {}
        self._count = 0

    def get(self, key: tuple[int, int], upper: str) -> int | None:
        """Return the subkey with this upper-cased name, NIL if there is none; None if unknown."""
        below = self._known.get(key)
        found = below.get(upper) if below else None
        if found is None or (found[0] != NIL and self._epochs.get(found[0], 0) != found[1]):
            return None
        return found[0]

    def put(self, key: tuple[int, int], upper: str, offset: int | None) -> None:
        """Remember a subkey, or that there is none.

        Args:
            key: the offset of the key's cell, and its epoch.
            upper: the upper-cased name.
            offset: offset of the subkey; None if there is none.
        """
        if self._count >= self.LIMIT:
            self._known.clear()
            self._count = 0
        place = NIL if offset is None else offset
        self._known.setdefault(key, {})[upper] = place, self._epochs.get(place, 0)
        self._count += 1

    def forget(self, key: tuple[int, int], upper: str) -> None:
        """Forget what is known of a name."""
        self._known.get(key, {}).pop(upper, None)


class Cells:
    """The cells of one hive.

    Attributes:
        name: name of the hive in messages.
        data: the whole file; a bytearray or mapping after the first write.
        bins_size: bytes of hive bins data.
        minor: minor version of the hive's format.
        pages: numbers of the changed 4 KiB pages of the file.
        epochs: number of times that each cell was freed. An object that refers to a cell is stale if the
            number has changed since.
        writes: number of changes.
        children: subkeys that were looked up.
    """

    def __init__(self, name: str, data: Content, bins_size: int, minor: int) -> None:
        self.name = name
        self.data = data
        self.bins_size = bins_size
        self.minor = minor
        self.pages: set[int] = set()
        self.epochs: dict[int, int] = {}
        self.writes = 0
        self.children = Children(self.epochs)
        self._bins: list[int] = []
        self._bin_ends: list[int] = []
        self._searched: set[int] = set()
        self._free: dict[int, int] = {}
        self._free_ends: dict[int, int] = {}
        self._by_size: dict[int, set[int]] = {}
        self._sizes: list[int] = []

    def damage(self, text: str, offset: int) -> RegfError:
        """Build the error for damage at a cell offset."""
        where = f"0x{offset:x} (0x{offset + baseblock.SIZE:x} in the file)"
        return RegfError(f"{self.name} is damaged: {text} at {where}.")

    # Reading

    def locate(self, offset: int, need: int, what: str) -> tuple[int, int]:
        """Return start and end in the file of the content of a cell in use.

        Args:
            offset: offset of the cell.
            need: minimum bytes of content.
            what: the content, for messages.

        Raises:
            RegfError: the cell does not exist, or has fewer than `need` bytes.
        """
        if offset & 7 or not BIN_HEADER <= offset <= self.bins_size - SMALLEST_CELL:
            raise self.damage(f"a reference to {what} is invalid", offset)
        start = offset + baseblock.SIZE
        size = -_SIZE.unpack_from(self.data, start)[0]
        if size < SMALLEST_CELL or size & 7 or offset + size > self.bins_size:
            raise self.damage(f"the cell of {what} is free or has an impossible size", offset)
        if size - 4 < need:
            raise self.damage(f"the cell of {what} is too small for its content", offset)
        return start + 4, start + size

    def locate_signed(self, offset: int, signature: bytes, need: int, what: str) -> tuple[int, int]:
        """Check the signature of a cell; return start and end as `locate`.

        Args:
            offset: offset of the cell.
            signature: the expected two bytes.
            need: minimum bytes of content.
            what: the content, for messages.

        Raises:
            RegfError: as for `locate`, or the signature is wrong.
        """
        if BIN_HEADER <= offset <= self.bins_size - SMALLEST_CELL and not offset & 7:
            start = offset + baseblock.SIZE
            size, found = _SIZE_AND_SIGNATURE.unpack_from(self.data, start)
            # The usual case, with one look at the cell.
            if found == signature and need + 4 <= -size <= self.bins_size - offset and not size & 7:
                return start + 4, start - size
        start, end = self.locate(offset, need, what)
        if self.data[start : start + 2] != signature:
            raise self.damage(f"the cell of {what} has the wrong signature", offset)
        return start, end

    def u32(self, position: int) -> int:
        """Return the 32-bit number at a position in the file."""
        number: int = _U32.unpack_from(self.data, position)[0]
        return number

    # Writing

    def mutable(self) -> bytearray | mmap:
        """Return the file's bytes as a writable buffer."""
        if isinstance(self.data, bytes):
            self.data = bytearray(self.data)
        return self.data

    def _grown(self, size: int) -> bytearray:
        """Return the file's bytes as a writable buffer of at least `size` bytes."""
        if not isinstance(self.data, bytearray):
            self.data = bytearray(self.data)
        if len(self.data) < size:
            self.data.extend(bytes(size - len(self.data)))
        return self.data

    def write(self, position: int, content: bytes | bytearray | memoryview) -> None:
        """Write bytes at a position in the file."""
        end = position + len(content)
        self.mutable()[position:end] = content
        self.touch(position, end)

    def write_u32(self, position: int, number: int) -> None:
        """Write a 32-bit number at a position in the file."""
        _U32.pack_into(self.mutable(), position, number)
        self.touch(position, position + 4)

    def touch(self, position: int, end: int) -> None:
        """Record a change of the file from `position` to `end`."""
        self.writes += 1
        first, last = position >> 12, (end - 1) >> 12
        self.pages.add(first)
        if last > first:
            self.pages.update(range(first + 1, last + 1))

    # Bins

    def bins(self) -> Iterator[tuple[int, int]]:
        """Yield offset and end of each bin.

        Raises:
            RegfError: the bins are not contiguous.
        """
        offset = 0
        while offset < self.bins_size:
            signature, stated, size, *_ = _BIN.unpack_from(self.data, offset + baseblock.SIZE)
            if signature != b"hbin" or stated != offset:
                raise self.damage("a bin is missing", offset)
            if size == 0 or size % PAGE or offset + size > self.bins_size:
                raise self.damage(f"a bin has the impossible size of {size} bytes", offset)
            yield offset, offset + size
            offset += size

    def bin_index(self, offset: int) -> int:
        """Return the index of the bin that contains `offset`."""
        if not self._bins:
            places = list(self.bins())
            self._bins = [start for start, _ in places]
            self._bin_ends = [end for _, end in places]
        return bisect_right(self._bins, offset) - 1

    def bin_at(self, offset: int) -> tuple[int, int]:
        """Return offset and end of the bin that contains `offset`."""
        index = self.bin_index(offset)
        return self._bins[index], self._bin_ends[index]

    def size_at(self, offset: int, end: int) -> int:
        """Return the size of a cell in a bin that ends at `end`; negative if it is in use.

        Raises:
            RegfError: the size is impossible.
        """
        size: int = _SIZE.unpack_from(self.data, offset + baseblock.SIZE)[0]
        length = abs(size)
        if length < SMALLEST_CELL or length & 7 or offset + length > end:
            raise self.damage("a cell has an impossible size", offset)
        return size

    def _search(self, index: int) -> None:
        """Collect the free cells of a bin."""
        self._searched.add(index)
        offset, end = self._bins[index] + BIN_HEADER, self._bin_ends[index]
        while offset < end:
            size = self.size_at(offset, end)
            if size > 0 and offset not in self._free:
                self._add_free(offset, size)
            offset += abs(size)

    def add_bin(self, size: int) -> None:
        """Append a bin with room for a cell of `size` bytes."""
        if self.bins_size:
            self.bin_index(0)
        length = (size + BIN_HEADER + PAGE - 1) // PAGE * PAGE
        offset = self.bins_size
        if offset + length > baseblock.BINS_LIMIT:
            msg = f"{self.name} can't grow: a hive has at most 2 GB."
            raise RegfError(msg)
        start = offset + baseblock.SIZE
        data = self._grown(start + length)
        data[start : start + length] = bytes(length)
        _BIN.pack_into(data, start, b"hbin", offset, length, 0, 0, 0)
        _SIZE.pack_into(data, start + BIN_HEADER, length - BIN_HEADER)
        self.bins_size += length
        _U32.pack_into(data, baseblock.BINS_SIZE, self.bins_size)
        self.touch(0, baseblock.SECTOR)
        self.touch(start, start + length)
        self._searched.add(len(self._bins))
        self._bins.append(offset)
        self._bin_ends.append(offset + length)
        self._add_free(offset + BIN_HEADER, length - BIN_HEADER)

    # Free space

    def _add_free(self, offset: int, size: int) -> None:
        self._free[offset] = size
        self._free_ends[offset + size] = offset
        offsets = self._by_size.get(size)
        if offsets is None:
            self._by_size[size] = {offset}
            insort(self._sizes, size)
        else:
            offsets.add(offset)

    def _drop_free(self, offset: int) -> int:
        size = self._free.pop(offset)
        del self._free_ends[offset + size]
        offsets = self._by_size[size]
        offsets.discard(offset)
        if not offsets:
            del self._by_size[size]
            del self._sizes[bisect_left(self._sizes, size)]
        return size

    def _take(self, size: int) -> int | None:
        """Take the smallest known free cell of at least `size` bytes."""
        place = bisect_left(self._sizes, size)
        if place == len(self._sizes):
            return None
        offset = next(iter(self._by_size[self._sizes[place]]))
        rest = self._drop_free(offset) - size
        if rest:
            self._set_size(offset + size, rest)
            self._add_free(offset + size, rest)
        return offset

    def _set_size(self, offset: int, size: int) -> None:
        position = offset + baseblock.SIZE
        _SIZE.pack_into(self.mutable(), position, size)
        self.touch(position, position + 4)

    def allocate(self, length: int, near: int) -> int:
        """Return the offset of a new cell with `length` zero bytes of content.

        Args:
            length: bytes of content.
            near: an offset in the bin where the search for free space starts.
        """
        size = max(SMALLEST_CELL, (length + 4 + 7) & ~7)
        offset = self._take(size)
        if offset is None:
            self._search_near(size, near)
            offset = self._take(size)
        if offset is None:
            self.add_bin(size)
            offset = self._take(size)
        assert offset is not None
        start = offset + baseblock.SIZE
        self.mutable()[start : start + size] = _SIZE.pack(-size) + bytes(size - 4)
        self.touch(start, start + size)
        return offset

    def _search_near(self, size: int, near: int) -> None:
        """Search bins from `near` on until one has a free cell of `size` bytes."""
        first, count = self.bin_index(near), len(self._bins)
        if len(self._searched) >= count:
            return
        budget = _SEARCH_LIMIT
        for index in (*range(first, count), *range(first)):
            if index in self._searched:
                continue
            length = self._bin_ends[index] - self._bins[index]
            if length > _BIN_SEARCH_LIMIT:
                self._searched.add(index)
                continue
            self._search(index)
            budget -= length
            if budget <= 0 or (self._sizes and self._sizes[-1] >= size):
                return

    def free(self, offset: int) -> None:
        """Free a cell, wipe it, and merge it with free neighbours."""
        self.free_all([offset])

    def free_all(self, offsets: Iterable[int]) -> None:
        """Free several cells, adjacent ones together; see `free`."""
        first = last = -1
        for offset in sorted(offsets):
            start, end = self.locate(offset, 0, "a freed cell")
            self.epochs[offset] = self.epochs.get(offset, 0) + 1
            if offset != last:
                if first >= 0:
                    self._free_run(first, last)
                first = offset
            last = offset + end - start + 4
        if first >= 0:
            self._free_run(first, last)

    def _free_run(self, offset: int, run_end: int) -> None:
        """Convert adjacent cells in use into one free cell."""
        index = self.bin_index(offset)
        bin_start, bin_end = self._bins[index], self._bin_ends[index]
        if run_end > bin_end:
            raise self.damage("a cell extends beyond its bin", offset)
        if index not in self._searched:
            if offset == bin_start + BIN_HEADER and run_end == bin_end:
                self._searched.add(index)
            elif bin_end - bin_start <= 16 * PAGE:
                self._search(index)
        start, size = offset + baseblock.SIZE, run_end - offset
        self.mutable()[start : start + size] = bytes(size)
        self.touch(start, start + size)
        self._merge(offset, size, bin_end)

    def _merge(self, offset: int, size: int, end: int) -> None:
        after = offset + size
        if after < end:
            length: int = _SIZE.unpack_from(self.data, after + baseblock.SIZE)[0]
            if length > 0 and not length & 7 and after + length <= end:
                if after in self._free:
                    length = self._drop_free(after)
                self.write(after + baseblock.SIZE, bytes(4))
                size += length
        before = self._free_ends.get(offset)
        if before is not None:
            self.write(offset + baseblock.SIZE, bytes(4))
            size += self._drop_free(before)
            offset = before
        self._set_size(offset, size)
        self._add_free(offset, size)

    def shrink(self, offset: int, length: int) -> None:
        """Free the part of a cell after `length` bytes of content, if it is large enough."""
        start, end = self.locate(offset, length, "a shortened cell")
        size = max(SMALLEST_CELL, (length + 4 + 7) & ~7)
        rest = end - start + 4 - size
        if rest < 64:
            return
        self._set_size(offset, -size)
        self._set_size(offset + size, -rest)
        self.free(offset + size)
