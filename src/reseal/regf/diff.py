"""Compare two trees of keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from reseal.regf import names
from reseal.regf.key import Key
from reseal.regf.limits import DEPTH_LIMIT
from reseal.regf.reader import Node, RawValue, Reader
from reseal.regf.regfile import Section, ValueLine

Kind = Literal[
    "key added",
    "key removed",
    "key name",
    "class",
    "descriptor",
    "value added",
    "value removed",
    "value changed",
]


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference.

    Attributes:
        kind: type of difference; "key name" means that the names differ only in case.
        path: path of the key, relative to the compared keys.
        value: name of the value; None if the difference is in the key.
        before: type and data in the first tree; for a class, name or descriptor its bytes.
        after: the same in the second.
    """

    kind: Kind
    path: str
    value: str | None = None
    before: tuple[int, bytes] | bytes | None = None
    after: tuple[int, bytes] | bytes | None = None


def diff(before: Key, after: Key) -> Iterator[Difference]:
    """Yield the changes that turn one tree into another, parents first.

    Last-written times, flags and the order of values are ignored.

    Raises:
        RegfError: one of the hives is damaged.
    """
    return _Comparison(before, after).run()


class _Side:
    def __init__(self, key: Key) -> None:
        self.cells = key.hive.cells
        self.reader = Reader(self.cells)
        self.top = key.offset

    def values(self, key: Node) -> dict[str, RawValue]:
        return {names.upcase(value.name): value for value in self.reader.values(key)}

    def children(self, offset: int, key: Node) -> dict[str, tuple[int, Node]]:
        result: dict[str, tuple[int, Node]] = {}
        for child in self.reader.children(offset, key):
            below = self.reader.node(child)
            result[names.upcase(below.name)] = child, below
        return result


class _Comparison:
    def __init__(self, before: Key, after: Key) -> None:
        self._before, self._after = _Side(before), _Side(after)

    def run(self) -> Iterator[Difference]:
        one, two = self._before, self._after
        first = one.top, one.reader.node(one.top)
        second = two.top, two.reader.node(two.top)
        pending = [("", 0, first, second)]
        while pending:
            path, depth, (offset, key), (other_offset, other) = pending.pop()
            yield from self._key(path, key, other)
            mine, theirs = one.children(offset, key), two.children(other_offset, other)
            if mine and depth >= DEPTH_LIMIT:
                raise one.cells.damage("the tree of keys is too deep", offset)
            for upper in sorted(mine.keys() | theirs.keys(), reverse=True):
                ours = mine.get(upper) or theirs[upper]
                below = f"{path}\\{ours[1].name}" if path else ours[1].name
                if upper not in theirs:
                    yield Difference("key removed", below)
                elif upper not in mine:
                    yield from self._added(below, theirs[upper][0])
                else:
                    pending.append((below, depth + 1, mine[upper], theirs[upper]))

    def _key(self, path: str, key: Node, other: Node) -> Iterator[Difference]:
        one, two = self._before, self._after
        if path and key.name != other.name:
            yield Difference("key name", path, None, key.name.encode(), other.name.encode())
        class_one, class_two = one.reader.class_data(key), two.reader.class_data(other)
        if class_one != class_two:
            yield Difference("class", path, None, class_one, class_two)
        descriptor_one, descriptor_two = one.reader.descriptor(key), two.reader.descriptor(other)
        if descriptor_one != descriptor_two:
            yield Difference("descriptor", path, None, descriptor_one, descriptor_two)
        mine, theirs = one.values(key), two.values(other)
        for upper, value in mine.items():
            if upper not in theirs:
                yield Difference("value removed", path, value.name, (value.type, value.data))
        for upper, value in theirs.items():
            new = value.type, value.data
            known = mine.get(upper)
            if known is None:
                yield Difference("value added", path, value.name, None, new)
            elif (known.type, known.data) != new:
                old = known.type, known.data
                yield Difference("value changed", path, known.name, old, new)

    def _added(self, path: str, top: int) -> Iterator[Difference]:
        reader = self._after.reader
        for found, _, key in reader.walk(top, path):
            yield Difference("key added", found)
            for value in reader.values(key):
                yield Difference("value added", found, value.name, None, (value.type, value.data))


def to_sections(differences: Iterable[Difference], prefix: str) -> Iterator[Section]:
    """Yield the .reg sections that turn the first tree into the second.

    A .reg file can't express classes, descriptors and the case of names; these are omitted.
    """
    section: Section | None = None
    for difference in differences:
        path = f"{prefix}\\{difference.path}" if difference.path else prefix
        if difference.kind == "key removed":
            yield Section(path, delete=True)
            continue
        if difference.kind not in ("key added", "value added", "value removed", "value changed"):
            continue
        if section is None or section.path != path:
            if section is not None:
                yield section
            section = Section(path)
        if difference.value is not None:
            after = difference.after
            number, data = after if isinstance(after, tuple) else (None, b"")
            section.values.append(ValueLine(difference.value, number, data))
    if section is not None:
        yield section
