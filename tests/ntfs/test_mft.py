"""File records parsed many at a time give what they give one by one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from reseal.disk import FileDevice
from reseal.ntfs import Volume, records
from reseal.ntfs.clusters import MFT, Clusters
from reseal.ntfs.mft import Chunk, Names, _pieces
from reseal.testing.volumes import File, ntfs_volume, populate
from reseal.tree import TreeError

RECORD = 1024


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The MFT of a volume with resident, plain, fragmented, compressed and named streams."""
    path = tmp_path_factory.mktemp("mft") / "volume"
    ntfs_volume(path, 24 << 20)
    with Volume.open(FileDevice(path, read_only=False), read_only=False, name="v") as volume:
        files = {f"{number}.txt": b"x" * (2000 + number * 300) for number in range(120)}
        populate(volume, {
            **files,
            "packed": File(b"abc" * 40_000, compressed=True),
            "named": File(b"y" * 9000, streams={"stream": b"z" * 9000}),
            "folder": {f"a long name of a file in a folder, number {number}": b"" for number in range(90)},
        })  # fmt: skip
        volume.create("one", b"")
        volume.create("two", b"")
        for start in range(0, 1 << 17, 4096):
            volume.patch("one", start, b"1" * 4096)
            volume.patch("two", start, b"2" * 4096)
        with volume.metadata(MFT) as mft:
            return mft.read(records.DATA)


def _rows(chunk: Chunk) -> Iterator[tuple[object, ...]]:
    names = Names()
    found = chunk.pieces(names)
    runs: dict[int, list[tuple[int, ...]]] = {}
    for piece, *run in found.runs.tolist():
        runs.setdefault(piece, []).append(tuple(run))
    for index, (record, kind, name, flags, first, size) in enumerate(found.columns.tolist()):
        yield record, kind, names.all[name], flags, first, size, tuple(runs.get(index, ()))


def _one_by_one(chunk: Chunk) -> Iterator[tuple[object, ...]]:
    names = Names()
    for at in range(0, len(chunk.data), RECORD):
        for (record, kind, name, *rest), runs in _pieces(chunk.record(at), names):
            yield record, kind, names.all[name], *rest, tuple(runs)


def test_a_volume(raw: bytes) -> None:
    chunk = Chunk(raw, 0, RECORD)
    found = list(_rows(chunk))
    assert sorted(found, key=repr) == sorted(_one_by_one(chunk), key=repr)
    assert any(len(row[-1]) > 1 for row in found if isinstance(row[-1], tuple))  # fragments
    assert {row[2] for row in found} >= {"", "stream", "$I30"}


def test_records_of_a_hostile_volume(raw: bytes) -> None:
    chance = random.Random(11)
    for _ in range(25):
        data = bytearray(raw)
        for _ in range(400):
            at = chance.randrange(len(data))
            data[at] = chance.choice([0, 0xFF, chance.randrange(256)])
        chunk = Chunk(bytes(data), 7, RECORD)
        assert sorted(_rows(chunk), key=repr) == sorted(_one_by_one(chunk), key=repr)


def test_the_update_sequence_is_undone(raw: bytes) -> None:
    chunk = Chunk(raw, 0, RECORD)
    for index, number in enumerate(chunk.numbers.tolist()):
        stored = raw[number * RECORD : (number + 1) * RECORD]
        start = int.from_bytes(stored[4:6], "little")
        fixed = bytearray(stored)
        for sector in (1, 2):
            end = sector * 512
            assert stored[end - 2 : end] == stored[start : start + 2]
            fixed[end - 2 : end] = stored[start + 2 * sector : start + 2 * sector + 2]
        assert chunk.data[index * RECORD : (index + 1) * RECORD] == fixed


def test_a_path_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "volume"
    ntfs_volume(path, 8 << 20)
    with Volume.open(FileDevice(path, read_only=False), read_only=False, name="v") as volume:
        populate(volume, {"a": {"b": {f"{number}": b"" for number in range(20)}}})
        numbers = [number for _, number in _files(volume)]
        clusters, opened = Clusters(volume), list[int]()
        name = clusters._name

        def noted(record: int) -> tuple[str, int]:
            opened.append(record)
            return name(record)

        monkeypatch.setattr(clusters, "_name", noted)
        for _ in range(3):
            found = {clusters.path(number) for number in numbers}
        assert found == {rf"a\b\{number}" for number in range(20)}
        assert len(opened) == len(set(opened)) == len(numbers) + 2


def _files(volume: Volume) -> Iterator[tuple[str, int]]:
    for number in range(records.FIRST_USER_FILE, 200):
        try:
            with volume.metadata(number) as inode:
                names = inode.names()
        except TreeError:  # a record that is not in use
            continue
        if names and names[0].name.isdigit():
            yield names[0].name, number
