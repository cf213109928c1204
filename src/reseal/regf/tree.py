"""Collect all cells of a tree of keys."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from reseal.regf import baseblock, data, node
from reseal.regf.cells import BIN_HEADER, NIL, Cells
from reseal.regf.limits import DEPTH_LIMIT
from reseal.regf.subkeys import SubkeyList

_SIZE = struct.Struct("<i")
#: Size of the cell, signature, bytes of the name, bytes and place of the data.
_SIZE_AND_VK = struct.Struct("<i2sHII")
_SMALLEST_VALUE = node.VK_SIZE + 4


@dataclass(slots=True)
class Tree:
    """What a key and its subkeys consist of.

    Attributes:
        cells: the offsets of all their cells, except the security cells.
        security: how many of the keys use each security cell.
        keys: number of keys.
        values: number of values.
    """

    cells: list[int] = field(default_factory=list)
    security: dict[int, int] = field(default_factory=dict)
    keys: int = 0
    values: int = 0


def collect(cells: Cells, top: int) -> Tree:
    """Return all cells of a key and its subkeys.

    Raises:
        RegfError: the tree is damaged, or uses a cell twice, as in a loop.
    """
    tree = Tree()
    level = [top]
    seen: set[int] = {top}
    limit = cells.bins_size // 4
    for _ in range(DEPTH_LIMIT + 1):
        below: list[int] = []
        for offset in level:
            below += _key(cells, offset, tree)
            if len(tree.cells) + len(below) > limit:
                raise cells.damage("a tree of keys has more cells than the hive", top)
        if not below:
            if len(set(tree.cells)) != len(tree.cells):
                raise cells.damage("cells of a tree of keys are used twice", top)
            return tree
        before = len(seen)
        seen.update(below)
        if len(seen) != before + len(below):
            raise cells.damage("keys form a loop or are listed twice", top)
        level = below
    raise cells.damage("the tree of keys is too deep", top)


def _key(cells: Cells, offset: int, tree: Tree) -> list[int]:
    """Collect the cells of one key; return its subkeys."""
    start, _ = cells.locate_signed(offset, b"nk", node.NK_SIZE, "a key")
    fields = node.NK.unpack_from(cells.data, start)
    tree.cells.append(offset)
    tree.keys += 1
    descriptor = fields[node.FIELD_SECURITY]
    tree.security[descriptor] = tree.security.get(descriptor, 0) + 1
    if fields[node.FIELD_CLASS_SIZE] and fields[node.FIELD_CLASS] != NIL:
        tree.cells.append(fields[node.FIELD_CLASS])
    count = fields[node.FIELD_VALUE_COUNT]
    if count and not fields[node.FIELD_FLAGS] & node.PREDEFINED:
        _values(cells, fields[node.FIELD_VALUES], count, tree)
        if len(tree.cells) > cells.bins_size // 4:
            raise cells.damage("a key has more cells than the hive", offset)
    if not fields[node.FIELD_SUBKEY_COUNT]:
        return []
    subkeys = SubkeyList(cells, offset)
    tree.cells += subkeys.cells()
    return subkeys.offsets()


def _values(cells: Cells, listing: int, count: int, tree: Tree) -> None:
    """Collect the cells of the values in a list."""
    content, limit = cells.data, cells.bins_size
    start, _ = cells.locate(listing, 4 * count, "a list of values")
    tree.cells.append(listing)
    tree.values += count
    for value in struct.unpack_from(f"<{count}I", content, start):
        if value & 7 or not BIN_HEADER <= value <= limit - _SMALLEST_VALUE:
            cells.locate(value, node.VK_SIZE, "a value")
        at = value + baseblock.SIZE
        size, signature, _, length, place = _SIZE_AND_VK.unpack_from(content, at)
        if signature != b"vk" or size > -_SMALLEST_VALUE or size & 7 or value - size > limit:
            cells.locate_signed(value, b"vk", node.VK_SIZE, "a value")
        tree.cells.append(value)
        if not length or length & node.RESIDENT or place == NIL:
            continue
        if not place & 7 and BIN_HEADER <= place <= limit - 8:
            room = -_SIZE.unpack_from(content, place + baseblock.SIZE)[0]
            if length + 4 <= room <= limit - place and not room & 7:
                tree.cells.append(place)
                continue
        tree.cells += data.cells_of(cells, at + 4)
