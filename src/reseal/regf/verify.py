"""Check a hive against the structural rules that Windows enforces when it loads one.

The check covers all bins, cells, references and lists. A cell in use must be referenced exactly once; a
security cell by the ring, and by as many keys as it counts. A referenced cell must be in use and have the
right type.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.regf import baseblock, data, descriptors, limits, names, node, security
from reseal.regf import key as key_module
from reseal.regf import value as value_module
from reseal.regf.cells import BIN_HEADER, NIL
from reseal.regf.errors import RegfError
from reseal.regf.subkeys import Leaf, SubkeyList

if TYPE_CHECKING:
    from reseal.regf.hive import Hive


@dataclass(frozen=True, slots=True)
class Violation:
    """One violation of a rule.

    Attributes:
        offset: the offset of the cell.
        path: the key; None if the violation does not belong to a key.
        message: the rule and how it is violated.
    """

    offset: int
    path: str | None
    message: str


def verify(hive: Hive, *, touched_only: bool = False) -> list[Violation]:
    """Return all violations in a hive, or only those in edited bins and keys."""
    check = _Check(hive)
    if touched_only:
        check.touched()
    else:
        check.everything()
    return check.violations


class _Check:
    def __init__(self, hive: Hive) -> None:
        self.hive = hive
        self.cells = hive.cells
        self.violations: list[Violation] = []
        #: Offsets of referenced cells that allow only one reference.
        self.referenced: set[int] = set()
        #: Number of keys that use each security cell.
        self.security: dict[int, int] = {}
        self.path = ""
        #: Offsets of all cells in use; None if only edited keys are checked. Only these cells are read.
        #: They don't overlap, so the work is bounded by the size of the hive.
        self.in_use: set[int] | None = set()

    def report(self, offset: int, message: str) -> None:
        self.violations.append(Violation(offset, self.path, message))

    def claim(self, offset: int, what: str) -> bool:
        if self.in_use is not None and offset not in self.in_use:
            # `locate` raises for a bad cell. A cell that it accepts may still be missing from the set.
            self.cells.locate(offset, 0, what)
            self.report(offset, f"A reference to {what} does not point to the start of a cell.")
            return False
        if offset in self.referenced:
            self.report(offset, f"The cell of {what} is referenced twice.")
            return False
        self.referenced.add(offset)
        return True

    def everything(self) -> None:
        self.bins()
        pending: list[tuple[int, int, str]] = [(self.hive.root_offset, NIL, "")]
        while pending:
            offset, parent, path = pending.pop()
            self.path = path
            try:
                if not self.claim(offset, "a key"):
                    continue
                children = self.key(offset, parent)
            except RegfError as error:
                self.report(offset, error.message)
                continue
            depth = path.count("\\") + 1
            if children and depth > limits.DEPTH_LIMIT:
                self.report(offset, f"The tree is deeper than {limits.DEPTH_LIMIT} keys.")
                continue
            pending += [
                (child, offset, f"{path}\\{name}" if offset != self.hive.root_offset else name)
                for child, name in reversed(children)
            ]
        self.ring()
        self.path = ""
        assert self.in_use is not None
        for offset in sorted(self.in_use - self.referenced):
            self.report(offset, "A cell is in use and nothing references it.")

    def touched(self) -> None:
        self.bins(self.cells.pages)
        self.in_use = None
        for offset in sorted(self.hive.touched):
            try:
                key = key_module.Key(self.hive, offset)
                self.path = key.path
                parent = key.parent
                self.key(offset, NIL if parent is None else parent.offset)
                if parent is not None and parent.subkey(key.name) != key:
                    self.report(offset, "The parent's subkey list lacks the key.")
                key.descriptor  # noqa: B018
            except RegfError as error:
                self.report(offset, error.message)

    def bins(self, pages: set[int] | None = None) -> None:
        """Check all bins and cells, or only the bins on some pages; collect the cells in use."""
        try:
            for start, end in self.cells.bins():
                if pages is None or not pages.isdisjoint(range((start >> 12) + 1, (end >> 12) + 1)):
                    self.bin(start, end)
        except RegfError as error:
            self.report(0, error.message)

    def bin(self, start: int, end: int) -> None:
        offset = start + BIN_HEADER
        unpack, content = struct.Struct("<i").unpack_from, self.cells.data
        while offset < end:
            (size,) = unpack(content, offset + baseblock.SIZE)
            length = abs(size)
            if length < 8 or length & 7 or offset + length > end:
                self.report(offset, f"A cell has the impossible size {size}.")
                return
            if size < 0 and self.in_use is not None:
                self.in_use.add(offset)
            offset += length

    def key(self, offset: int, parent: int) -> list[tuple[int, str]]:
        """Check one key and its values; return offset and name of its subkeys."""
        cells = self.cells
        nk, _ = cells.locate_signed(offset, b"nk", node.NK_SIZE, "a key")
        fields = node.NK.unpack_from(cells.data, nk)
        flags, stated_parent = fields[1], fields[4]
        name = names.of_key(cells, offset)
        if parent == NIL:
            if not flags & node.ROOT:
                self.report(offset, "The root key does not have the root flag.")
        else:
            if stated_parent != parent:
                self.report(offset, f"The key has the wrong parent 0x{stated_parent:x}.")
            if not name or names.units(name) > limits.KEY_NAME_LIMIT:
                self.report(offset, "The key's name is empty or too long.")
        if flags & node.VOLATILE:
            self.report(offset, "A volatile key is in the file.")
        self.class_name(fields[12], fields[19])
        sk = fields[11]
        self.security[sk] = self.security.get(sk, 0) + 1
        self.values(offset, nk)
        children = self.subkeys(offset, fields[5])
        longest = max((2 * names.units(child) for _, child in children), default=0)
        if longest > fields[13] & 0xFFFF:
            self.report(offset, f"A subkey name has {longest} bytes, above the maximum in the key.")
        return children

    def class_name(self, offset: int, size: int) -> None:
        if size and offset != NIL:
            self.cells.locate(offset, size, "a class name")
            self.claim(offset, "a class name")

    def values(self, offset: int, nk: int) -> None:
        cells = self.cells
        values = value_module.ValueList(cells, offset, nk)
        if not values.count or not self.claim(cells.u32(nk + node.NK_VALUES), "a list of values"):
            return
        offsets = values.offsets()
        seen: set[str] = set()
        longest = largest = 0
        for value in offsets:
            if not self.claim(value, "a value"):
                continue
            vk, _ = cells.locate_signed(value, b"vk", node.VK_SIZE, "a value")
            name = names.of_value(cells, value)
            upper = names.upcase(name)
            if names.units(name) > limits.VALUE_NAME_LIMIT:
                self.report(value, "The name of a value is too long.")
            if upper in seen:
                self.report(value, f"The key has two values with the name {name!r}.")
            seen.add(upper)
            longest = max(longest, 2 * names.units(name))
            place = data.place_of(cells, vk)
            if place is None or self.claim(place, "value data"):
                for cell in data.cells_of(cells, vk):
                    if cell != place:
                        self.claim(cell, "value data")
                largest = max(largest, len(data.read(cells, vk)))
        if longest > cells.u32(nk + node.NK_MAX_VALUE_NAME):
            self.report(offset, f"A value name has {longest} bytes, above the maximum in the key.")
        if largest > cells.u32(nk + node.NK_MAX_VALUE_DATA):
            self.report(offset, f"A value has {largest} bytes, above the maximum in the key.")

    def subkeys(self, offset: int, count: int) -> list[tuple[int, str]]:
        cells = self.cells
        listing = SubkeyList(cells, offset)
        result: list[tuple[int, str]] = []
        if not count:
            return result
        if not self.claim(listing.offset, "a subkey list"):
            return result
        last: str | None = None
        for place in listing.leaves():
            if place != listing.offset and not self.claim(place, "a subkey list"):
                continue
            leaf = Leaf(cells, place)
            raw = leaf.raw()
            for number, child in enumerate(leaf.offsets()):
                name = names.of_key(cells, child)
                upper = names.upcase(name)
                if last is not None and upper <= last:
                    self.report(child, f"The subkey {name!r} is out of order or duplicate.")
                last = upper
                entry = raw[number * leaf.width : (number + 1) * leaf.width]
                if entry != leaf.entry(child, name) and not _hint_left_out(leaf.kind, entry):
                    self.report(child, f"The hash or hint of the subkey {name!r} is wrong.")
                result.append((child, name))
        if len(result) != count:
            self.report(offset, f"The key counts {count} subkeys but lists {len(result)}.")
        return result

    def ring(self) -> None:
        """Check the ring of security cells and their reference counts."""
        cells = self.cells
        ring: set[int] = set()
        self.path = ""
        offset = next(iter(self.security), NIL)
        try:
            while offset not in ring:
                ring.add(offset)
                if not self.claim(offset, "a security descriptor"):
                    break
                after, before, count, content = security.parse(cells, offset)
                if security.parse(cells, after)[1] != offset:
                    self.report(offset, "The ring of security descriptors is broken.")
                    break
                del before
                if count != self.security.get(offset, 0):
                    used = self.security.get(offset, 0)
                    self.report(offset, f"A descriptor counts {count} keys, but {used} use it.")
                try:
                    descriptors.parse(content)
                except ValueError as error:
                    self.report(offset, f"A security descriptor is invalid: {error}.")
                offset = after
        except RegfError as error:
            self.report(offset, error.message)
        for offset in sorted(self.security.keys() - ring):
            self.report(offset, "A security descriptor in use is not in the ring.")


def _hint_left_out(kind: bytes, entry: bytes) -> bool:
    """Whether the hint is empty. Windows leaves some hints empty, and then compares the name."""
    return kind == b"lf" and entry[4:] == bytes(4)
