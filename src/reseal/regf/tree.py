"""Collect all cells of a tree of keys."""

from __future__ import annotations

from reseal.regf import data, node
from reseal.regf.cells import NIL, Cells
from reseal.regf.limits import DEPTH_LIMIT
from reseal.regf.subkeys import SubkeyList
from reseal.regf.value import ValueList


def collect(cells: Cells, top: int) -> tuple[list[int], dict[int, int]]:
    """Return all cells of a key and its subkeys, and the use counts of its security cells.

    Raises:
        RegfError: the tree is damaged, or uses a cell twice, as in a loop.
    """
    found: list[int] = []
    security: dict[int, int] = {}
    level = [top]
    seen: set[int] = {top}
    limit = cells.bins_size // 4
    for _ in range(DEPTH_LIMIT + 1):
        below: list[int] = []
        for offset in level:
            below += _key(cells, offset, found, security)
            if len(found) + len(below) > limit:
                raise cells.damage("a tree of keys has more cells than the hive", top)
        if not below:
            if len(set(found)) != len(found):
                raise cells.damage("cells of a tree of keys are used twice", top)
            return found, security
        before = len(seen)
        seen.update(below)
        if len(seen) != before + len(below):
            raise cells.damage("keys form a loop or are listed twice", top)
        level = below
    raise cells.damage("the tree of keys is too deep", top)


def _key(cells: Cells, offset: int, found: list[int], security: dict[int, int]) -> list[int]:
    """Collect the cells of one key; return its subkeys."""
    start, _ = cells.locate_signed(offset, b"nk", node.NK_SIZE, "a key")
    fields = node.NK.unpack_from(cells.data, start)
    found.append(offset)
    descriptor = fields[node.FIELD_SECURITY]
    security[descriptor] = security.get(descriptor, 0) + 1
    if fields[node.FIELD_CLASS_SIZE] and fields[node.FIELD_CLASS] != NIL:
        found.append(fields[node.FIELD_CLASS])
    values = ValueList(cells, offset, start)
    if values.count:
        found.append(fields[node.FIELD_VALUES])
        for value in values.offsets():
            vk, _ = cells.locate_signed(value, b"vk", node.VK_SIZE, "a value")
            found.append(value)
            found += data.cells_of(cells, vk)
            if len(found) > cells.bins_size // 4:
                raise cells.damage("a key has more cells than the hive", offset)
    if not fields[node.FIELD_SUBKEY_COUNT]:
        return []
    subkeys = SubkeyList(cells, offset)
    found += subkeys.cells()
    return subkeys.offsets()
