"""Damaged and hostile hives: an error that says where, and never anything else."""

from __future__ import annotations

import struct
import time
import tracemalloc
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseal.regf import Hive, RegfError, baseblock
from reseal.regf.writer import PlainKey, Writer
from reseal.testing.hives import TIMESTAMP, hive
from tests import oracles
from tests.regf.exercise import exercise

if TYPE_CHECKING:
    from reseal.regf import Key

Change = Callable[[Hive, bytearray], None]

SPEC = {
    "a": {"b": {"c": {"v": b"x" * 100, "w": "text"}}, "d": {"big": b"y" * 40_000}},
    "e": {f"k{n}": {"n": n} for n in range(40)},
}


def sealed(data: bytearray) -> bytearray:
    """A file with the checksum that it must have."""
    struct.pack_into("<I", data, baseblock.CHECKSUM, baseblock.checksum(data))
    return data


def nk(built: Hive, path: str) -> int:
    """Where the content of a key's cell is in the file."""
    key = built.key(path)
    assert key is not None
    return key.offset + 4100


def damaged(change: Change) -> bytearray:
    built = hive(SPEC)
    data = bytearray(built.to_bytes())
    change(built, data)
    return sealed(data)


def put(where: str, field: int, number: int) -> Change:
    return lambda built, data: struct.pack_into("<I", data, nk(built, where) + field, number)


def at(place: int, number: int) -> Change:
    return lambda _, data: struct.pack_into("<I", data, place, number)


def both(one: Change, two: Change) -> Change:
    def change(built: Hive, data: bytearray) -> None:
        one(built, data)
        two(built, data)

    return change


def point(where: str, field: int, target: str) -> Change:
    """Let a field of one key refer to another key, or to that key's own field's target."""

    def change(built: Hive, data: bytearray) -> None:
        other = built.key(target)
        assert other is not None
        struct.pack_into("<I", data, nk(built, where) + field, other.offset)

    return change


def share(where: str, field: int, source: str) -> Change:
    def change(built: Hive, data: bytearray) -> None:
        (number,) = struct.unpack_from("<I", data, nk(built, source) + field)
        struct.pack_into("<I", data, nk(built, where) + field, number)

    return change


DAMAGE = {
    "subkey list far outside": put("a", 28, 0x7FFFFFF8),
    "subkey list unaligned": put("a", 28, 0x21),
    "subkey list in the bin header": put("a", 28, 0x8),
    "subkey list is a key": point("a", 28, r"a\b"),
    "more subkeys than listed": put("a", 20, 1_000_000),
    "value list outside": put(r"a\b\c", 40, 0x7FFFFFF8),
    "a million values": put(r"a\b\c", 36, 1_000_000),
    "value list is a key": point(r"a\b\c", 40, "a"),
    "a loop through a list": both(share(r"a\b\c", 28, "a"), share(r"a\b\c", 20, "a")),
    "a loop of the root": point("a", 16, r"a\b\c"),
    "security descriptor outside": put("a", 44, 0x7FFFFFF8),
    "security descriptor is a key": point("a", 44, "e"),
    "class name outside": lambda built, data: struct.pack_into(
        "<I20xHH", data, nk(built, "a") + 48, 0x7FFFFFF8, 1, 2000
    ),
    "name longer than its cell": lambda built, data: struct.pack_into(
        "<H", data, nk(built, "a") + 72, 60_000
    ),
    "cell size zero": lambda built, data: struct.pack_into("<i", data, nk(built, "a") - 4, 0),
    "cell larger than the hive": lambda built, data: struct.pack_into(
        "<i", data, nk(built, "a") - 4, -0x7FFFFFF8
    ),
    "cell is free": lambda built, data: struct.pack_into("<i", data, nk(built, "a") - 4, 88),
    "no bin": at(8192, 0x65706F6E),
    "bin of no size": at(8192 + 8, 0),
    "bin larger than the hive": at(8192 + 8, 1 << 30),
    "root outside": at(36, 0x7FFFFFF8),
    "root is no key": at(36, 0x88),
    "larger than the file": at(40, 1 << 30),
    "no size": at(40, 0),
    "version 1.1": at(24, 1),
    "version 1.7": at(24, 7),
    "version 2.5": at(20, 2),
    "a log": at(28, 6),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found_and_named(name: str) -> None:
    data = damaged(DAMAGE[name])
    exercise(data)
    try:
        opened = Hive.open(bytes(data))
    except RegfError:
        return
    assert opened.verify()


@pytest.mark.parametrize("size", [0, 1, 3, 4, 100, 511, 512, 4095, 4096, 4100, 8191, 8192, 12288])
def test_a_file_cut_anywhere_is_refused(size: int) -> None:
    data = hive(SPEC).to_bytes()
    assert len(data) > 12288
    with pytest.raises(RegfError):
        Hive.open(data[:size])
    with pytest.raises(RegfError):
        Hive.open(data[:size], ignore_logs=True)


@pytest.mark.parametrize("junk", [b"", b"\0" * 8192, b"regf" * 2048, b"MZ" + bytes(9000)])
def test_what_is_no_hive_is_refused(junk: bytes) -> None:
    with pytest.raises(RegfError):
        Hive.open(junk)


def test_overlapping_cells_are_found() -> None:
    built = hive({"a": {"v": b"x" * 200}})
    data = bytearray(built.to_bytes())
    place = data.find(b"x" * 200) + 36
    struct.pack_into("<i", data, place, -48)
    key = nk(built, "a")
    struct.pack_into("<I", data, key + 48, place - 4096)
    struct.pack_into("<H", data, key + 74, 8)
    messages = [each.message for each in Hive.open(sealed(data)).verify()]
    assert any("start of a cell" in message for message in messages), messages


def deep(levels: int) -> bytearray:
    """A hive with a chain of keys."""

    def expand(level: int) -> PlainKey[int]:
        below = [] if level >= levels else [(level + 1, b"k", True)]
        return PlainKey(0x20, TIMESTAMP, b"", (), below)

    return sealed(Writer(baseblock.new(5, "deep"), expand).write(0, b"ROOT"))


def test_a_tree_of_512_keys_is_read_and_a_deeper_one_refused() -> None:
    exercise(deep(400))
    built = Hive.open(deep(512))
    assert len(oracles.tree_of(built)) == 513
    too_deep = Hive.open(deep(3000))
    assert too_deep.verify()
    first = too_deep.key("k")
    assert first is not None
    with pytest.raises(RegfError, match="deep"):
        first.delete()
    exercise(deep(3000))


def test_a_million_subkeys_are_listed() -> None:
    children = [(1, f"{number:07}".encode(), True) for number in range(1_000_000)]

    def expand(level: int) -> PlainKey[int]:
        return PlainKey(0x20, TIMESTAMP, b"", (), [] if level else children)

    built = Hive.open(sealed(Writer(baseblock.new(5, "wide"), expand).write(0, b"ROOT")))
    children.clear()
    begin = time.process_time()
    assert sum(1 for _ in built.root.subkeys()) == 1_000_000
    found = built.key("0765432")
    assert found is not None
    found.delete()
    built.root.create("0765432x")
    assert time.process_time() - begin < 20
    assert built.key("0765432x") is not None


def wide(keys: int, values: int, subkeys: int, size: int) -> tuple[Hive, bytearray, list[int]]:
    """A hive of `keys` keys, the first of which has values and subkeys; where their nk are."""
    data = [(f"v{number}".encode(), 1, 3, b"x" * size, 0) for number in range(values)]

    def expand(level: int) -> PlainKey[int]:
        names = [f"{number:06}".encode() for number in range((keys, subkeys, 0, 0)[level])]
        children = [(1 if level == 0 and n == 0 else 2, name, True) for n, name in enumerate(names)]
        return PlainKey(0x20, TIMESTAMP, b"", data if level == 1 else (), children)

    file = sealed(Writer(baseblock.new(5, "wide"), expand).write(0, b"ROOT"))
    built = Hive.open(bytes(file))
    return built, file, [key.offset + 4100 for key in built.root.subkeys()]


def spread(file: bytearray, nodes: list[int], *places: int) -> None:
    """Give all keys these fields of the first."""
    first, *others = nodes
    for place in places:
        for nk in others:
            file[nk + place : nk + place + 4] = file[first + place : first + place + 4]


BOMBS = (
    "one list of many values",
    "one list of many subkeys",
    "one large value",
    "descriptors that overlap",
)


@cache
def bombs() -> dict[str, bytearray]:
    """Hives of about a MiB in which things are used over and over."""
    result = {}
    _, file, nodes = wide(3000, 12_000, 0, 4)
    spread(file, nodes, 36, 40)
    result["one list of many values"] = file
    _, file, nodes = wide(3000, 0, 8000, 0)
    spread(file, nodes, 20, 28)
    result["one list of many subkeys"] = file
    built, file, nodes = wide(10, 15_000, 0, 8)
    key = built.root.create("000000")
    key.set("big", 3, b"y" * 500_000)
    file = bytearray(built.to_bytes())
    big, *others = [value.offset + 4100 for value in reversed(list(key.values()))]
    for vk in others:
        file[vk + 4 : vk + 12] = file[big + 4 : big + 12]
    result["one large value"] = file
    built, file, nodes = wide(3000, 0, 0, 0)
    key = built.root.create("000000")
    # Security cells in the data of a value, each of which claims all that follows it.
    count = 8000
    key.set("cells", 3, b"")
    block = bytearray(24 * count + 400_000)
    built.root.set("room", 3, bytes(16344))
    value = key.value("cells")
    assert value is not None
    key.set("cells", 3, bytes(block[:16344]))
    file = bytearray(built.to_bytes())
    start = file.find(bytes(16000)) & ~7
    for number in range(600):
        cell = start + 24 * number + 8
        after = cell + 24 - 4096
        struct.pack_into("<i2sHIIII", file, cell, -8192, b"sk", 0, after, cell - 24 - 4096, 1, 8000)
    for number, nk in enumerate(nodes):
        struct.pack_into("<I", file, nk + 44, start + 24 * (number % 600) + 8 - 4096)
    result["descriptors that overlap"] = file
    return result


@pytest.mark.parametrize("name", BOMBS)
def test_what_is_used_over_and_over_costs_no_more_than_the_file(name: str) -> None:
    assert tuple(bombs()) == BOMBS
    data = sealed(bytearray(bombs()[name]))
    begin = time.process_time()
    exercise(data)
    # A second for each MiB, and a good deal for the edits of a dozen keys.
    assert time.process_time() - begin < 6 + len(data) / 2**20


def test_memory_stays_within_four_times_the_file() -> None:
    built = hive({f"k{n}": {"v": b"x" * 5000, "w": n} for n in range(400)})
    data = built.to_bytes()
    tracemalloc.start()
    exercise(bytearray(data))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * len(data) + (64 << 20)


def test_an_edit_that_stops_halfway_is_never_written() -> None:
    built = hive({"a": {}, "b": {"c": {}}})
    data = bytearray(built.to_bytes())
    struct.pack_into("<I", data, nk(built, r"b\c") + 40, 0x7FFFFFF8)
    struct.pack_into("<I", data, nk(built, r"b\c") + 36, 1)
    opened = Hive.open(sealed(data))
    doomed = opened.key("b")
    assert doomed is not None
    with pytest.raises(RegfError):
        doomed.delete()
    # Nothing was changed yet when the damage was seen.
    assert not opened.changed
    victim: Key = opened.root.create("a")
    assert not opened.changed
    original = opened.cells.free_all

    def fail(offsets: object) -> None:
        del offsets
        msg = "as if damaged"
        raise RegfError(msg)

    victim.set("v", 3, b"x" * 100)
    opened.cells.free_all = fail  # type: ignore[method-assign]
    with pytest.raises(RegfError):
        victim.delete()
    opened.cells.free_all = original  # type: ignore[method-assign]
    for call in (opened.to_bytes, opened.patches, lambda: opened.root.create("x")):
        with pytest.raises(RegfError, match="failed halfway"):
            call()


@given(
    st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 255)), min_size=1, max_size=12),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_random_bytes_in_a_hive(changes: list[tuple[int, int]], reseal: bool) -> None:
    data = bytearray(hive(SPEC).to_bytes())
    for place, byte in changes:
        data[place % len(data)] = byte
    exercise(sealed(data) if reseal else data)
