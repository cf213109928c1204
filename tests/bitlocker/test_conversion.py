"""Volumes that are encrypted in parts: the mark, and the map of "encrypt on write"."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest

from reseal.bitlocker import MetadataError, OpenVolume
from reseal.bitlocker.conversion import UpTo
from tests.bitlocker import encryptor, judges
from tests.bitlocker.conftest import SIZE, Memory, Plain
from tests.bitlocker.encryptor import Made

CLEAR = [encryptor.clear()]


def on_write(pattern: Sequence[bool], chunk: int = 64 << 10) -> Made:
    count = SIZE // chunk
    chunks = [pattern[number % len(pattern)] for number in range(count)]
    return Made(chunks=chunks, chunk=chunk, state=(5, 4))


@pytest.mark.parametrize("chunk", [4 << 10, 64 << 10, 1 << 20])
@pytest.mark.parametrize(
    "pattern",
    [[True], [False], [True, False], [False] * 7 + [True], [True] * 9 + [False] * 5],
    ids=["all", "none", "every other", "one of eight", "runs"],
)
def test_each_chunk_is_read_as_the_map_says(
    plain: Plain, pattern: Sequence[bool], chunk: int
) -> None:
    made = on_write(pattern, chunk)
    image = encryptor.encrypt(plain.content, made, plain.places, CLEAR)
    volume = OpenVolume.open(Memory(image), [], "volume")
    assert volume.read(0, SIZE) == encryptor.shown(plain.content, made, plain.places)
    assert made.chunks is not None
    assert volume.conversion.encrypted_bytes() == sum(made.chunks) * chunk
    assert judges.libbde(bytes(image)) == encryptor.shown(plain.content, made, plain.places)


@pytest.fixture
def coded(plain: Plain) -> bytearray:
    return encryptor.encrypt(plain.content, on_write([True, False]), plain.places, CLEAR)


def opened(image: bytes | bytearray) -> OpenVolume:
    return OpenVolume.open(Memory(image), [], "volume 3 of disk.img")


def test_the_second_copy_of_the_map_serves(plain: Plain, coded: bytearray) -> None:
    shown = opened(coded).read(0, SIZE)
    coded[plain.places.maps[0] + 20] ^= 1
    assert opened(coded).read(0, SIZE) == shown


def test_the_newer_of_two_records_counts_and_the_older_serves_where_it_is_damaged(
    plain: Plain, coded: bytearray
) -> None:
    made = on_write([True, False])
    for sequences in ((1, 2), (9, 3)):
        region = encryptor.region_block(made, SIZE, sequences)
        coded[plain.places.region : plain.places.region + len(region)] = region
        assert opened(coded).read(0, SIZE) == encryptor.shown(plain.content, made, plain.places)
    # The newer one is the first now; the other says the opposite of each chunk.
    coded[plain.places.region + 512 + 40] ^= 1
    volume = opened(coded)
    assert list(volume.conversion.parts(0, 128 << 10)) == [(64 << 10, False), (64 << 10, True)]


@pytest.mark.parametrize(
    ("place", "at", "message"),
    [
        ("maps", 0, "there is none at byte"),
        ("maps", 8, "impossible sizes"),
        ("maps", 10, "impossible sizes"),
        ("maps", 20, "chunks of"),
        ("maps", 40, "wrong checksum"),
        ("region", 0, "a part of it is missing"),
        ("region", 14, "impossible sizes"),
        ("region", 44, "impossible sizes"),
        ("region", 28, "wrong checksum"),
        ("region", 512, "no valid record"),
    ],
)
def test_a_damaged_map_is_an_error_that_names_what_to_do(
    plain: Plain, coded: bytearray, place: str, at: int, message: str
) -> None:
    starts = plain.places.maps if place == "maps" else [plain.places.region]
    for start in starts:
        coded[start + at : start + at + 2] = b"\xff\xff"
    if message == "no valid record":
        coded[plain.places.region + 1024] ^= 1
    with pytest.raises(MetadataError, match=message) as error:
        opened(coded)
    assert "volume 3 of disk.img" in error.value.message
    assert "let the conversion finish" in str(error.value.hint)


@pytest.mark.parametrize(
    ("at", "form", "value", "message"),
    [
        (56, "<Q", 1 << 62, "outside the volume"),
        (56, "<Q", SIZE - 8, "outside the volume"),
        (40, "<Q", SIZE, "points outside"),
        (40, "<Q", 13, "points outside"),
        (20, "<I", 0, "chunks of 0"),
        (20, "<I", 3 << 16, "chunks of"),
        (20, "<I", 512, "chunks of 512"),
        (10, "<H", 56, "no regions"),
    ],
)
def test_a_map_with_right_checksums_that_is_wrong(
    plain: Plain, coded: bytearray, at: int, form: str, value: int, message: str
) -> None:
    block = bytearray(encryptor.map_block(on_write([True]), plain.places))
    struct.pack_into(form, block, at, value)
    struct.pack_into("<I", block, 36, 0)
    size = struct.unpack_from("<H", block, 10)[0]
    whole = encryptor._summed(bytes(block[:size]), 36)
    for start in plain.places.maps:
        coded[start : start + 64] = whole.ljust(64, b"\0")
    with pytest.raises(MetadataError, match=message):
        opened(coded)


def test_a_region_that_leaves_a_part_out_is_refused(plain: Plain, coded: bytearray) -> None:
    made = on_write([True])
    region = encryptor.region_block(made, SIZE // 2)
    coded[plain.places.region : plain.places.region + len(region)] = region
    with pytest.raises(MetadataError, match="ends before the volume"):
        opened(coded)


def test_a_first_sector_alone_makes_no_map(plain: Plain) -> None:
    """As in the published images, whose maps were cut out."""
    made = Made(chunks=[True] * (SIZE // (64 << 10)))
    image = encryptor.encrypt(plain.content, made, plain.places, CLEAR)
    for start, size in [*((one, 512) for one in plain.places.maps), (plain.places.region, 4096)]:
        image[start : start + size] = bytes(size)
    with pytest.raises(MetadataError, match='"encrypted on write", and no copy of the map'):
        opened(image)


class Sparse:
    """A large device that stores only what was put into it, zeros elsewhere."""

    read_only = True

    def __init__(self, size: int) -> None:
        self.size = size
        self.pieces: list[tuple[int, bytes]] = []

    def read(self, offset: int, size: int) -> bytes:
        data = bytearray(size)
        for place, piece in self.pieces:
            start, end = max(place, offset), min(place + len(piece), offset + size)
            if start < end:
                data[start - offset : end - offset] = piece[start - place : end - place]
        return bytes(data)

    def write(self, offset: int, data: bytes) -> None:
        raise AssertionError

    def flush(self) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize("above", [3 << 30, 5 << 30, 700 << 30])
def test_metadata_may_lie_anywhere_in_a_large_volume(above: int) -> None:
    # libbde 20260916 cuts the offsets of such maps to 32 bits.
    size = above + (1 << 30)
    chunk = 16 << 20
    places = encryptor.Places(
        (above, above + (2 << 20), above + (4 << 20)),
        *(above + (1 << 20), (above + (6 << 20), above + (7 << 20)), above + (8 << 20)),
    )
    made = Made(chunks=[False] * (size // chunk), chunk=chunk, state=(5, 4))
    device = Sparse(size)
    block = encryptor.metadata_block(made, places, size, CLEAR)
    device.pieces = [(0, encryptor.first_sector(made, places)), (above + (16 << 20), b"content")]
    device.pieces += [(place, block) for place in places.metadata]
    device.pieces += [(place, encryptor.map_block(made, places)) for place in places.maps]
    device.pieces += [(places.region, encryptor.region_block(made, size))]
    device.pieces += [(places.header, b"the start of the volume")]
    volume = OpenVolume.open(device, [], "volume")
    assert volume.read(0, 23) == b"the start of the volume"
    assert volume.read(above + (16 << 20), 7) == b"content"
    assert volume.conversion.encrypted_bytes() == 0
    assert volume.read(above, 64) == bytes(64)


@pytest.mark.parametrize("mark", [0, 512, 5_000_192, SIZE])
def test_a_mark_cuts_a_range(mark: int) -> None:
    whole = list(UpTo(mark).parts(0, SIZE))
    assert sum(size for size, _ in whole) == SIZE
    assert sum(size for size, coded in whole if coded) == mark
    for offset in (0, 512, 5_000_192, SIZE - 512):
        for size, coded in UpTo(mark).parts(offset, 512):
            assert coded == (offset + size <= mark)
