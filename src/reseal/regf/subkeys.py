"""Lists of subkeys: li, lf and lh leaves, and ri lists of leaves.

A leaf has the offsets of the subkeys, sorted by upper-cased name. lf adds a hint of four characters to
each offset, lh a hash. An ri splits a long list into leaves.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from reseal.regf import names, node
from reseal.regf.cells import NIL, Cells

#: Entries of a full leaf. Windows splits a li or lh in two at 1012 entries (seen: the halves of
#: ManySubkeysHive, and an lh of 967). It converts an lf that outgrows a page into a li (seen there).
FULL_LEAF = {b"lf": 507, b"lh": 1012, b"li": 1012}
#: Entries per leaf in a rewritten list, as in hives that Windows compacted (seen).
PACKED_LEAF = 507
_WIDTH = {b"lf": 8, b"lh": 8, b"li": 4}
_COUNT_LIMIT = 0xFFFF


def leaf_kind(minor: int) -> bytes:
    """Return the leaf type of hives of a minor version."""
    return b"lh" if minor >= 5 else b"lf" if minor >= 3 else b"li"


class Leaf:
    """A li, lf or lh list in a cell."""

    __slots__ = ("cells", "count", "kind", "offset", "room", "start", "width")

    def __init__(self, cells: Cells, offset: int) -> None:
        start, end = cells.locate(offset, 4, "a subkey list")
        self.cells = cells
        self.offset = offset
        self.start = start
        self.kind = bytes(cells.data[start : start + 2])
        if self.kind not in _WIDTH:
            raise cells.damage("a subkey list has an unknown type", offset)
        self.width = _WIDTH[self.kind]
        (self.count,) = struct.unpack_from("<H", cells.data, start + 2)
        self.room = (end - start - 4) // self.width
        if self.count > self.room:
            raise cells.damage("a subkey list is longer than its cell", offset)

    def offsets(self) -> Sequence[int]:
        """Return the offsets of the subkeys."""
        words = struct.unpack_from(
            f"<{self.count * self.width // 4}I", self.cells.data, self.start + 4
        )
        return words if self.width == 4 else words[::2]

    def find(self, upper: str) -> int | None:
        """Return the index of the key with this upper-cased name, or None."""
        data, offsets = self.cells.data, self.offsets()
        if self.kind == b"lh":
            wanted = names.hash_lh(upper)
            hashes = struct.unpack_from(f"<{self.count * 2}I", data, self.start + 4)[1::2]
            place = -1
            while wanted in hashes[place + 1 :]:
                place = hashes.index(wanted, place + 1)
                if names.upcase(names.of_key(self.cells, offsets[place])) == upper:
                    return place
            return None
        for place in self._hinted(upper) if self.kind == b"lf" else range(self.count):
            if names.upcase(names.of_key(self.cells, offsets[place])) == upper:
                return place
        return None

    def _hinted(self, upper: str) -> Iterator[int]:
        """Yield the indexes in an lf list whose hint matches an upper-cased name."""
        if not upper[:4].isascii():
            yield from range(self.count)
            return
        hint, raw = names.hint_lf(upper), self.raw().upper()
        found = raw.find(hint)
        while found >= 0:
            if found % 8 == 4:
                yield found // 8
            found = raw.find(hint, found + 1)

    def position(self, upper: str) -> int:
        """Return the index at which to insert a key with this upper-cased name."""
        offsets = self.offsets()
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            if names.upcase(names.of_key(self.cells, offsets[middle])) < upper:
                low = middle + 1
            else:
                high = middle
        return low

    def entry(self, offset: int, name: str) -> bytes:
        """Return the entry of a key for a list of this type."""
        return _entry(self.kind, offset, name)

    def to_li(self, raw: bytes) -> bytes:
        """Convert the leaf from lf to li; return the converted entries of `raw`."""
        words = struct.unpack(f"<{len(raw) // 4}I", raw)[::2]
        self.cells.write(self.start, b"li")
        self.kind, self.width, self.room = b"li", 4, 2 * self.room
        return struct.pack(f"<{len(words)}I", *words)

    def raw(self) -> bytes:
        """Return all entries."""
        return bytes(self.cells.data[self.start + 4 : self.start + 4 + self.count * self.width])

    def store(self, raw: bytes) -> int:
        """Replace all entries; return the offset of the list, which moves if it needs more room."""
        count = len(raw) // self.width
        if count <= self.room:
            # Wipe the rest of the cell.
            self.cells.write(self.start + 2, struct.pack("<H", count) + raw)
            used, end = self.start + 4 + len(raw), self.start + 4 + self.room * self.width
            self.cells.write(used, bytes(end - used))
            self.count = count
            return self.offset
        offset = _allocate(self.cells, self.kind, raw, self.offset)
        self.cells.free(self.offset)
        return offset


class SubkeyList:
    """The subkeys of one key.

    Args:
        cells: the cells of the hive.
        key: the offset of the key's nk cell.
        start: where its content begins in the file, if the cell was checked already.
    """

    def __init__(self, cells: Cells, key: int, start: int = 0) -> None:
        self._cells = cells
        self._key = key
        self._nk = start or cells.locate_signed(key, b"nk", node.NK_SIZE, "a key")[0]
        self.count = cells.u32(self._nk + node.NK_SUBKEY_COUNT)
        self._list = cells.u32(self._nk + node.NK_SUBKEYS)

    @property
    def offset(self) -> int:
        """The offset of the list: a leaf or an ri."""
        return self._list

    def _root(self) -> list[int] | None:
        """Return the leaves in an ri, or None if the key's list is a leaf or absent."""
        start, end = self._cells.locate(self._list, 4, "a subkey list")
        if self._cells.data[start : start + 2] != b"ri":
            return None
        (count,) = struct.unpack_from("<H", self._cells.data, start + 2)
        if count * 4 > end - start - 4:
            raise self._cells.damage("a list of subkey lists is longer than its cell", self._list)
        leaves = list(struct.unpack_from(f"<{count}I", self._cells.data, start + 4))
        if len(set(leaves)) != count:
            raise self._cells.damage("a subkey list is referenced twice", self._list)
        return leaves

    def leaves(self) -> list[int]:
        """Return the offsets of the leaves in order."""
        if self._list == NIL or not self.count:
            return []
        root = self._root()
        return [self._list] if root is None else root

    def cells(self) -> list[int]:
        """Return the offsets of all cells of the list."""
        leaves = self.leaves()
        return leaves if leaves in ([], [self._list]) else [*leaves, self._list]

    def offsets(self) -> list[int]:
        """Return the offsets of all subkeys in order."""
        result: list[int] = []
        for leaf in self.leaves():
            result.extend(Leaf(self._cells, leaf).offsets())
        return result

    def find(self, upper: str) -> int | None:
        """Return the offset of the subkey with an upper-cased name, or None."""
        if self._list == NIL or not self.count:
            return None
        _, leaf = self._candidate(upper)
        place = leaf.find(upper)
        return None if place is None else leaf.offsets()[place]

    def _candidate(self, upper: str) -> tuple[int, Leaf]:
        """Return the leaf that has or would have a name, and its index."""
        leaves = self.leaves()
        if not leaves:
            raise self._cells.damage("a list of subkeys is empty", self._list)
        low, high = 0, len(leaves) - 1
        while low < high:
            middle = (low + high) // 2
            leaf = Leaf(self._cells, leaves[middle])
            if not leaf.count:
                raise self._cells.damage("a subkey list is empty", leaf.offset)
            if names.upcase(names.of_key(self._cells, leaf.offsets()[-1])) < upper:
                low = middle + 1
            else:
                high = middle
        return low, Leaf(self._cells, leaves[low])

    def insert(self, offset: int, name: str) -> None:
        """Insert a key whose name is not in the list."""
        upper = names.upcase(name)
        self._forget(upper)
        if self._list == NIL or not self.count:
            kind = leaf_kind(self._cells.minor)
            self._list = _allocate(self._cells, kind, _entry(kind, offset, name), self._key)
            self._set_list(self._list)
            self._set_count(1)
            return
        root = self._root()
        number, leaf = self._candidate(upper)
        place = leaf.position(upper)
        raw, cut = leaf.raw(), place * leaf.width
        raw = raw[:cut] + leaf.entry(offset, name) + raw[cut:]
        if leaf.kind == b"lf" and leaf.count == FULL_LEAF[b"lf"]:
            raw = leaf.to_li(raw)
        if len(raw) // leaf.width <= FULL_LEAF[leaf.kind]:
            parts = [raw]
        else:
            middle = len(raw) // leaf.width // 2 * leaf.width
            parts = [raw[:middle], raw[middle:]]
        moved = [leaf.store(parts[0])]
        moved += [_allocate(self._cells, leaf.kind, part, leaf.offset) for part in parts[1:]]
        if root is None and len(moved) == 1:
            if moved[0] != leaf.offset:
                self._set_list(moved[0])
        else:
            leaves = [leaf.offset] if root is None else root
            self._store_root(root is not None, leaves[:number] + moved + leaves[number + 1 :])
        self._set_count(self.count + 1)

    def remove(self, offset: int) -> None:
        """Remove a key from the list."""
        root = self._root()
        leaves = [self._list] if root is None else root
        upper = names.upcase(names.of_key(self._cells, offset))
        self._forget(upper)
        number, leaf = self._candidate(upper)
        if offset not in leaf.offsets():
            # This happens only if the list is out of order.
            for number, place in enumerate(leaves):  # noqa: B007
                leaf = Leaf(self._cells, place)
                if offset in leaf.offsets():
                    break
            else:
                raise self._cells.damage("a key is missing from its parent's list", offset)
        cut = leaf.offsets().index(offset) * leaf.width
        raw = leaf.raw()
        rest = raw[:cut] + raw[cut + leaf.width :]
        if rest:
            leaf.store(rest)
        else:
            self._drop(root, number, leaf)
        self._set_count(self.count - 1)

    def _forget(self, upper: str) -> None:
        epoch = self._cells.epochs.get(self._key, 0)
        self._cells.children.forget((self._key, epoch), upper)

    def _drop(self, root: list[int] | None, number: int, leaf: Leaf) -> None:
        """Free an empty leaf, and the whole list if it was the last one."""
        self._cells.free(leaf.offset)
        if root is not None and len(root) > 1:
            self._store_root(True, root[:number] + root[number + 1 :])
            return
        if root is not None:
            self._cells.free(self._list)
        self._set_list(NIL)

    def _store_root(self, exists: bool, leaves: list[int]) -> None:
        if len(leaves) > _COUNT_LIMIT:
            raise self._cells.damage("a key has too many subkeys", self._key)
        content = struct.pack(f"<2sH{len(leaves)}I", b"ri", len(leaves), *leaves)
        if exists:
            start, end = self._cells.locate(self._list, 4, "a list of subkey lists")
            if len(content) <= end - start:
                self._cells.write(start, content)
                return
        # Reserve room for a few more leaves, so that the list does not move for each one.
        offset = self._cells.allocate(len(content) + 28, self._key)
        self._cells.write(offset + 4096 + 4, content)
        if exists:
            self._cells.free(self._list)
        self._set_list(offset)

    def _set_list(self, offset: int) -> None:
        self._list = offset
        self._cells.write_u32(self._nk + node.NK_SUBKEYS, offset)

    def _set_count(self, count: int) -> None:
        self.count = count
        self._cells.write_u32(self._nk + node.NK_SUBKEY_COUNT, count)


def _entry(kind: bytes, offset: int, name: str) -> bytes:
    if kind == b"lh":
        return struct.pack("<II", offset, names.hash_lh(names.upcase(name)))
    if kind == b"lf":
        return struct.pack("<I4s", offset, names.hint_lf(name))
    return struct.pack("<I", offset)


def _allocate(cells: Cells, kind: bytes, raw: bytes, near: int) -> int:
    """Create a leaf, with room for a quarter more entries, up to a full leaf."""
    width = _WIDTH[kind]
    count = len(raw) // width
    room = max(count, min(FULL_LEAF[kind], count + count // 4))
    offset = cells.allocate(4 + room * width, near)
    cells.write(offset + 4096 + 4, struct.pack("<2sH", kind, count) + raw)
    return offset
