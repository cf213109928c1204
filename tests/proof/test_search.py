"""The search of a volume: what lies in pieces, what is compressed, and what is too much."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from reseal.disk import FileDevice
from reseal.ntfs import Volume
from reseal.ntfs.clusters import Clusters
from reseal.proof import volume as searching
from reseal.proof.hits import Place
from reseal.proof.identity import Kind, MachineIdentity
from reseal.proof.needles import Needle
from reseal.proof.scanner import Anchors, Scanner
from reseal.proof.search import search
from reseal.proof.verification import verify
from reseal.run import read
from reseal.run.opening import Found, installations
from reseal.testing.volumes import WOF_XPRESS4K, File, populate
from reseal.testing.windows import windows
from reseal.wim import wof
from tests.wim.test_wof import compress

NEEDLE = "A-NAME-TO-BE-FOUND"
IDENTITY = MachineIdentity(computer_name=NEEDLE)
CLUSTER = 4096


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("volume") / "volume.raw"
    windows(path, size=24 << 20, partitioned=False)
    return path.read_bytes()


@pytest.fixture
def image(golden: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "volume.raw"
    path.write_bytes(golden)
    return path


def changed(image: Path, change: Callable[[Volume], None]) -> None:
    device = FileDevice(image, read_only=False)
    with Volume.open(device, read_only=False, name="volume") as volume:
        change(volume)
    device.close()


def found(image: Path, **options: Any) -> list[dict[str, Any]]:
    record = read(image, lambda found: verify(found[0], IDENTITY, **options))
    return [one for one in record["hits"] if one["kind"] == "computer name"]


def fragmented(volume: Volume, path: str, data: bytes) -> None:
    """Write a file whose clusters do not follow one another."""
    other = path + ".other"
    volume.create(path)
    volume.create(other)
    for start in range(0, len(data), CLUSTER):
        volume.patch(path, start, data[start : start + CLUSTER])
        volume.patch(other, start, random.Random(start).randbytes(CLUSTER))


@pytest.fixture
def opened(image: Path) -> Iterator[Callable[[], Found]]:
    with_exit = []

    def open_it() -> Found:
        device = FileDevice(image)
        context = installations(device, "volume")
        with_exit.append((context, device))
        return context.__enter__()[0]

    yield open_it
    for context, device in with_exit:
        context.__exit__(None, None, None)
        device.close()


@pytest.mark.parametrize("before", [1, 7, 17, 20, 35])
@pytest.mark.parametrize("encoding", ["ascii", "utf-16-le"])
def test_a_name_that_lies_in_two_pieces_is_found(image: Path, before: int, encoding: str) -> None:
    raw = NEEDLE.encode(encoding)
    start = CLUSTER - min(before, len(raw) - 1)
    data = bytearray(3 * CLUSTER)
    data[start : start + len(raw)] = raw
    changed(image, lambda volume: fragmented(volume, r"Windows\pieces.bin", bytes(data)))
    (one,) = found(image)
    assert (one["path"], one["offset"]) == (r"Windows\pieces.bin", start)


def test_the_pieces_were_pieces(image: Path, opened: Callable[[], Found]) -> None:
    changed(image, lambda volume: fragmented(volume, r"Windows\pieces.bin", bytes(3 * CLUSTER)))
    volume = opened().volume
    assert volume is not None
    clusters = Clusters(volume)
    for _ in clusters.scan():
        pass
    paths = {clusters.path(stream.record) for stream, _, _ in clusters.seams()}
    assert r"Windows\pieces.bin" in paths


@pytest.mark.parametrize(
    "before", [5, *(pytest.param(one, marks=pytest.mark.judges) for one in (1, 9))]
)
def test_a_name_across_a_sector_of_a_file_record_is_found(image: Path, before: int) -> None:
    """The last two bytes of each sector of a file record are kept elsewhere."""
    found_at = set()
    for filling in range(100, 260, 4):
        data = b"\1" * filling + NEEDLE.encode() + b"\1" * before

        def write(volume: Volume, data: bytes = data) -> None:
            if volume.stat(r"Windows\small.bin") is None:
                volume.create(r"Windows\small.bin")
            volume.write(r"Windows\small.bin", data)

        changed(image, write)
        hits = [one for one in found(image) if one["place"] == "content"]
        assert [one["path"] for one in hits] == [r"Windows\small.bin"]
        found_at.add(hits[0]["offset"])
    assert any(at < 510 < at + len(NEEDLE) for at in found_at)


def test_across_blocks_of_the_disk(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "BLOCK", CLUSTER)
    data = bytearray(8 * CLUSTER)
    data[CLUSTER - 9 : CLUSTER + 9] = NEEDLE.encode()
    data[4 * CLUSTER : 4 * CLUSTER + 18] = NEEDLE.encode()
    changed(image, lambda volume: volume.create(r"Windows\blocks.bin", bytes(data)))
    assert [(one["path"], one["count"]) for one in found(image)] == [(r"Windows\blocks.bin", 2)]


def test_behind_the_end_of_a_file_it_is_reported_only(image: Path) -> None:
    def shorten(volume: Volume) -> None:
        volume.create(r"Windows\long.bin", b"\1" * 5000 + NEEDLE.encode())
        with volume._changed(r"Windows\long.bin") as inode:
            inode.truncate("", 4500)

    changed(image, shorten)
    assert {one["verdict"] for one in found(image)} <= {"reported only"}


def test_an_image_that_is_full_of_it_is_no_endless_task(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "MAX_HITS", 50)
    data = NEEDLE.encode() * 10_000
    changed(image, lambda volume: volume.create(r"Windows\full.bin", data))
    record = read(image, lambda found: verify(found[0], IDENTITY))
    assert record["result"] == "not clean"
    assert "Not every finding could be judged." in record["failures"]


def test_what_compactos_compressed_is_decompressed(image: Path) -> None:
    text = NEEDLE.encode() + b"A-NAME-TO-BE" * 700
    file = File(
        reparse=(wof.REPARSE_TAG, WOF_XPRESS4K),
        streams={"WofCompressedData": compress(text, 0)},
        hole=len(text),
    )
    changed(image, lambda volume: populate(volume, {"Packed": {"packed.bin": file}}))
    (one,) = found(image)
    assert (one["path"], one["offset"], one["verdict"]) == (r"Packed\packed.bin", 0, "left behind")


def test_what_ntfs_compressed_is_decompressed(image: Path) -> None:
    text = bytes(range(256)) * 300 + NEEDLE.encode() + bytes(range(256)) * 300
    file = File(text, compressed=True)
    changed(image, lambda volume: populate(volume, {"Packed": {"packed.bin": file}}))
    places = {(one["path"], one["offset"]) for one in found(image)}
    assert (r"Packed\packed.bin", 256 * 300) in places


def test_damaged_run_lists_and_records_are_no_crash(image: Path) -> None:
    golden = image.read_bytes()
    chance = random.Random(5)
    mft = int.from_bytes(golden[0x30:0x38], "little") * CLUSTER
    for _ in range(12):
        data = bytearray(golden)
        # Records of users' files; the system's own are libntfs-3g's to refuse.
        for _ in range(200):
            at = mft + 64 * 1024 + chance.randrange(256 << 10)
            data[at] = chance.randrange(256)
        image.write_bytes(data)
        from reseal.errors import ResealError

        try:
            found(image)
        except ResealError:
            continue


class Sparse(FileDevice):
    """A sparse file that knows its holes, as a container does."""

    def zero(self, offset: int, size: int) -> None:
        raise AssertionError((offset, size))

    def data(self, offset: int, size: int) -> Iterator[tuple[int, int]]:
        end = offset + size
        while offset < end:
            try:
                start = os.lseek(self.fileno(), offset, os.SEEK_DATA)
            except OSError:  # only a hole is left
                return
            offset = min(os.lseek(self.fileno(), start, os.SEEK_HOLE), end)
            if start < offset:
                yield start, offset - start


def test_zeros_of_the_container_are_not_read(tmp_path: Path) -> None:
    """The cost of a deep search is that of the data, whatever the size of the disk."""
    taken = []
    for size in (32 << 20, 512 << 20):
        path = tmp_path / f"{size}.raw"
        windows(path, size=size, partitioned=False)
        with path.open("r+b") as file:
            # At the end of a part that has data: the last byte of UTF-16 text is in the hole.
            free = size - (3 << 20)
            file.seek(free + CLUSTER - 2 * len(NEEDLE) + 1)
            file.write(NEEDLE.encode("utf-16-le")[:-1])
        device = Sparse(path)
        with installations(device, "volume") as (one,):
            result = search(one, IDENTITY, deep=True)
        device.close()
        (hit,) = [hit for hit, _ in result.hits.groups.values()]
        assert (hit.place, hit.offset) == (Place.UNALLOCATED, free + CLUSTER - 2 * len(NEEDLE) + 1)
        taken.append(result.bytes_read)
    small, large = taken
    # A larger volume has larger tables of clusters.
    assert large - small < 4 << 20


def test_a_block_is_read_once_for_all_needles() -> None:
    searched = [
        Needle(Kind.MAC, str(number), "binary", bytes([number] * 6)) for number in range(50)
    ]
    scanner, block = Scanner(searched), bytes(256 << 10)
    with patch.object(Anchors, "find", autospec=True, side_effect=Anchors.find) as find:
        list(scanner.find(block))
    assert find.call_count == 2
