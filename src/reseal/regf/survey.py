"""All keys and values of an undamaged hive as arrays, level by level.

A walk with `Reader` looks at one key at a time, which takes seconds for a hive of 100 MB. To find the few
owners of a few cells, `Survey` reads the same fields of all keys of a level at once. It gives up at any
damage: then the caller walks the hive key by key, to use what is intact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from reseal.regf import baseblock, node
from reseal.regf.cells import BIN_HEADER, NIL, SMALLEST_CELL, Cells
from reseal.regf.limits import DEPTH_LIMIT

Words: TypeAlias = npt.NDArray[np.uint32]
Numbers: TypeAlias = npt.NDArray[np.int64]

_LEAF_WIDTH = {int.from_bytes(kind, "little"): width
               for kind, width in ((b"lf", 2), (b"lh", 2), (b"li", 1))}  # fmt: skip
_RI, _NK, _VK = (int.from_bytes(kind, "little") for kind in (b"ri", b"nk", b"vk"))
_LOW = 0xFFFF
#: The word of a key's name size and class size.
_SIZES = node.NK_NAME_SIZE // 4


@dataclass(frozen=True, slots=True)
class Survey:
    """The keys and values of a hive. All offsets are cell offsets; parallel arrays.

    Attributes:
        keys: offset of each key, the root first, level by level, siblings in stored order.
        parents: index of its parent in `keys`; 0 for the root.
        name_sizes: bytes of its stored name.
        classes: offset of its class, NIL without one; `class_sizes` has its bytes.
        security: offset of its security cell.
        levels: index of the first key of each level, and the number of keys.
        values: offset of each value.
        owners: index of its key in `keys`.
        value_name_sizes: bytes of its stored name.
        sizes: size field of its data, with the bit for resident data.
        places: its data field.
        fits: whether its data is in one cell outside of the value.
        divided: whether its data is in several cells.
    """

    keys: Numbers
    parents: Numbers
    name_sizes: Numbers
    classes: Numbers
    class_sizes: Numbers
    security: Numbers
    levels: tuple[int, ...]
    values: Numbers
    owners: Numbers
    value_name_sizes: Numbers
    sizes: Numbers
    places: Numbers
    fits: npt.NDArray[np.bool_]
    divided: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, cells: Cells, root: int) -> Survey | None:
        """Read a hive; None if anything that is reachable from the root is damaged.

        Args:
            cells: the cells of the hive.
            root: offset of the root key.
        """
        try:
            return _Surveyor(cells).survey(root)
        except _DamageError:
            return None

    def ranks(self, *, last_first: bool = False) -> Numbers:
        """Return the position of each key in a walk that visits parents before their subkeys.

        Args:
            last_first: whether the walk visits the last subkey of a key first.
        """
        sizes = np.ones(len(self.keys), np.int64)
        bounds = list(pairwise(self.levels))
        for first, last in reversed(bounds[1:]):
            np.add.at(sizes, self.parents[first:last], sizes[first:last])
        ranks = np.zeros(len(self.keys), np.int64)
        for first, last in bounds[1:]:
            above = self.parents[first:last]
            sums = np.cumsum(sizes[first:last])
            if last_first:
                ends = np.searchsorted(above, above, side="right") - 1
                before = sums[ends] - sums
            else:
                starts = np.searchsorted(above, above)
                before = sums - sizes[first:last] - (sums - sizes[first:last])[starts]
            ranks[first:last] = ranks[above] + 1 + before
        return ranks


class _DamageError(Exception):
    """Something is damaged."""


class _Surveyor:
    def __init__(self, cells: Cells) -> None:
        self._limit = cells.bins_size
        end = min(len(cells.data), baseblock.SIZE + cells.bins_size) & ~3
        self._words: Words = np.frombuffer(cells.data, "<u4", end // 4)
        self._seen = np.zeros(self._limit // 8 + 1, np.uint32)
        self._entries = 0

    def survey(self, root: int) -> Survey:
        level, above = np.array([root], np.int64), np.zeros(1, np.int64)
        keys: list[tuple[npt.NDArray[Any], ...]] = []
        values: list[tuple[npt.NDArray[Any], ...]] = []
        levels, count = [0], 0
        while len(level):
            if len(levels) > DEPTH_LIMIT + 1:
                raise _DamageError
            start = self._cells(level, _NK, node.NK_SIZE)
            name_sizes, class_sizes = self._halves(start + _SIZES)
            self._require(self._room(level) >= node.NK_SIZE + name_sizes)
            self._mark(level)
            classes = self._field(start, node.NK_CLASS)
            security = self._field(start, node.NK_SECURITY)
            with_class = (class_sizes > 0) & (classes != NIL)
            self._cell(classes[with_class], class_sizes[with_class])
            self._cell(np.unique(security), 0)
            keys.append((level, above, name_sizes, np.where(with_class, classes, NIL),
                         class_sizes, security))  # fmt: skip
            values.append(self._values(start, count))
            level, above = self._children(start, count)
            count += len(keys[-1][0])
            levels.append(count)
        offsets, parents, name_sizes, classes, class_sizes, security = _columns(keys)
        found, owners, value_name_sizes, sizes, places, fits, divided = _columns(values)
        return Survey(
            offsets, parents, name_sizes, classes, class_sizes, security, tuple(levels),
            found, owners, value_name_sizes, sizes, places, fits, divided,
        )  # fmt: skip

    # Fields

    def _field(self, start: Numbers, position: int) -> Numbers:
        return self._words[start + position // 4].astype(np.int64)

    def _halves(self, places: Numbers) -> tuple[Numbers, Numbers]:
        words = self._words[places].astype(np.int64)
        return words & _LOW, words >> 16

    @staticmethod
    def _require(fine: npt.NDArray[np.bool_]) -> None:
        if not fine.all():
            raise _DamageError

    def _room(self, offsets: Numbers) -> Numbers:
        """Return the bytes of content of cells in use."""
        words = self._words[(offsets + baseblock.SIZE) // 4]
        return -words.view(np.int32).astype(np.int64) - 4

    def _cell(self, offsets: Numbers, need: Numbers | int) -> Numbers:
        """Check cells in use as `Cells.locate` does; return the number of the first word of content."""
        self._require(
            (offsets & 7 == 0) & (offsets >= BIN_HEADER) & (offsets <= self._limit - SMALLEST_CELL)
        )
        self._require((offsets + baseblock.SIZE) // 4 < len(self._words))
        size = self._room(offsets) + 4
        self._require(
            (size >= SMALLEST_CELL)
            & (size & 7 == 0)
            & (offsets + size <= self._limit)
            & (size - 4 >= need)
        )
        start: Numbers = (offsets + baseblock.SIZE) // 4 + 1
        return start

    def _cells(self, offsets: Numbers, signature: int, need: int) -> Numbers:
        start = self._cell(offsets, need)
        self._require(self._words[start] & _LOW == signature)
        return start

    def _mark(self, offsets: Numbers) -> None:
        """Give up if a key is reached twice."""
        places = offsets // 8
        self._require(self._seen[places] == 0)
        numbers = np.arange(1, len(places) + 1, dtype=np.uint32)
        self._seen[places] = numbers
        self._require(self._seen[places] == numbers)

    def _expand(
        self, first: Numbers, counts: Numbers, stride: Numbers | int
    ) -> tuple[Numbers, Numbers]:
        """Return the numbers of the words of lists, and the index of the list of each."""
        self._entries += int(counts.sum())
        if self._entries > self._limit // 2:
            raise _DamageError
        lists = np.repeat(np.arange(len(counts)), counts)
        within = np.arange(len(lists)) - np.repeat(np.cumsum(counts) - counts, counts)
        steps = stride if isinstance(stride, int) else stride[lists]
        return first[lists] + within * steps, lists

    # Lists

    def _values(self, start: Numbers, count: int) -> tuple[npt.NDArray[Any], ...]:
        flags = self._words[start] >> 16
        counts = self._field(start, node.NK_VALUE_COUNT)
        counts = np.where(flags & node.PREDEFINED, 0, counts)
        has = np.flatnonzero(counts)
        first = self._cell(self._field(start[has], node.NK_VALUES), 4 * counts[has])
        places, lists = self._expand(first, counts[has], 1)
        offsets = self._words[places].astype(np.int64)
        vk = self._cells(offsets, _VK, node.VK_SIZE)
        name_sizes = self._words[vk].astype(np.int64) >> 16
        self._require(self._room(offsets) >= node.VK_SIZE + name_sizes)
        sizes, data = self._field(vk, node.VK_DATA_SIZE), self._field(vk, node.VK_DATA)
        outside = np.flatnonzero((sizes & node.RESIDENT == 0) & (sizes > 0))
        self._cell(data[outside], 0)
        fits, divided = np.zeros((2, len(offsets)), np.bool_)
        fits[outside] = self._room(data[outside]) >= sizes[outside]
        divided[outside] = ~fits[outside]
        return offsets, has[lists] + count, name_sizes, sizes, data, fits, divided

    def _children(self, start: Numbers, count: int) -> tuple[Numbers, Numbers]:
        lists = self._field(start, node.NK_SUBKEYS)
        has = np.flatnonzero((self._field(start, node.NK_SUBKEY_COUNT) > 0) & (lists != NIL))
        offsets, owners = self._leaves(lists[has], has)
        first = self._cell(offsets, 4)
        kinds, counts = self._halves(first)
        widths = np.zeros(len(first), np.int64)
        for kind, width in _LEAF_WIDTH.items():
            widths[kinds == kind] = width
        self._require((widths > 0) & (4 * widths * counts <= self._room(offsets) - 4))
        places, leaves = self._expand(first + 1, counts, widths)
        return self._words[places].astype(np.int64), owners[leaves] + count

    def _leaves(self, lists: Numbers, owners: Numbers) -> tuple[Numbers, Numbers]:
        """Replace each list of lists by its leaves."""
        first = self._cell(lists, 4)
        kinds, counts = self._halves(first)
        split = kinds == _RI
        if not split.any():
            return lists, owners
        self._require(4 * counts[split] <= self._room(lists[split]) - 4)
        counts = np.where(split, counts, 1)
        places, index = self._expand(first + 1, counts, 1)
        # A leaf is its own list.
        leaves = np.where(split[index], self._words[places].astype(np.int64), lists[index])
        if len(np.unique(leaves)) != len(leaves):
            raise _DamageError
        return leaves, owners[index]


def _columns(levels: list[tuple[npt.NDArray[Any], ...]]) -> Iterator[npt.NDArray[Any]]:
    return (np.concatenate(column) for column in zip(*levels, strict=True))
