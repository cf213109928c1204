from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reseal.regf import Hive
from reseal.regf.compact import compact
from reseal.regf.diff import diff
from reseal.regf.reader import Reader
from reseal.testing.hives import TIMESTAMP, hive, large
from tests import oracles
from tests.regf.test_recovery import opened

if TYPE_CHECKING:
    from pathlib import Path


def beyond_values(hive: Hive) -> dict[str, tuple[object, ...]]:
    """All that keys have beside values: flags, times, classes and the rarer fields."""
    reader = Reader(hive.cells)
    return {
        path: (
            key.flags,
            key.time,
            key.access,
            key.max_name >> 16,
            key.work,
            reader.class_data(key),
        )
        for path, _, key in reader.walk(hive.root_offset)
    }


@pytest.mark.parametrize(
    "name",
    [
        "machines/win10-1709/SYSTEM",
        "machines/win10-21h1/Users/AndrewRathbun/UsrClass.dat",
        "machines/win81-domain-joined/NTUSER.DAT",
        "machines/win10-21h1/SAM",
        "regf-corner-cases/BigDataHive",
        "regf-corner-cases/System_Delta",
        "regf-corner-cases/ManySubkeysHive",
    ],
)
def test_compaction_loses_nothing_but_free_space(corpus: Path, name: str) -> None:
    original = opened(corpus / name)
    small = compact(original)
    assert list(diff(original.root, small.root)) == []
    assert beyond_values(small) == beyond_values(original)
    assert small.verify() == []
    data = small.to_bytes()
    assert len(data) <= 4096 + original.cells.bins_size
    assert data[112:168] == bytes(original.cells.data[112:168])
    free = sum(free_cells(small))
    assert free < max(8192, len(data) // 20)
    if original.cells.bins_size < 2_000_000:
        tree = oracles.tree_of(original)
        for reader, oracle in oracles.ORACLES.items():
            assert oracle(data) == tree, reader


def free_cells(hive: Hive) -> list[int]:
    sizes = []
    for start, end in hive.cells.bins():
        offset = start + 32
        while offset < end:
            size = hive.cells.size_at(offset, end)
            if size > 0:
                sizes.append(size)
            offset += abs(size)
    return sizes


def test_compaction_is_stable_and_the_result_can_be_edited() -> None:
    built = hive({f"k{n}": {"v": b"x" * 100} for n in range(600)})
    for n in range(0, 600, 2):
        key = built.key(f"k{n}")
        assert key is not None
        key.delete()
    small = compact(built)
    assert len(small.to_bytes()) < len(built.to_bytes()) * 2 / 3
    assert compact(small).to_bytes()[12:] == small.to_bytes()[12:]
    small.timestamp = TIMESTAMP
    small.root.create(r"k1\more").set("v", 3, b"y" * 50_000)
    assert small.verify() == []


def test_a_large_hive_is_made_in_moments_and_sound() -> None:
    made = Hive.open(large(keys=12_000, size=3_000_000))
    assert made.verify() == []
    assert 2_500_000 < made.cells.bins_size < 3_500_000
    assert 9_000 < len(oracles.tree_of(made)) < 15_000
