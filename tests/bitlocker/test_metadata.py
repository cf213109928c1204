"""Damaged and hostile metadata: clear errors, in bounded time and memory."""

from __future__ import annotations

import random
import struct
import time
import tracemalloc
import zlib

import pytest

from reseal.bitlocker import LockedError, MetadataError, OpenVolume, keys, metadata
from reseal.errors import ResealError
from tests.bitlocker import encryptor, judges
from tests.bitlocker.conftest import SIZE, Memory, Plain
from tests.bitlocker.encryptor import BLOCK, Made, Protector

#: Offsets in a copy: its size, version, state, mark, log size, sectors, copies, header.
UNITS, VERSION, STATE, MARK, LOG, SECTORS, COPIES, HEADER = 8, 10, 12, 16, 24, 28, 32, 56


@pytest.fixture
def coded(plain: Plain) -> bytearray:
    made = Made(mark=plain.places.metadata[0] + (1 << 20), state=(5, 1))
    return encryptor.encrypt(plain.content, made, plain.places, [encryptor.clear()])


def opened(image: bytes | bytearray) -> OpenVolume:
    return OpenVolume.open(Memory(image), [], "volume 3 of disk.img")


def summed(block: bytearray) -> bytearray:
    """Let a copy's checksum be right again."""
    size = struct.unpack_from("<H", block, UNITS)[0] * 16
    if 64 <= size <= len(block) - 8:
        struct.pack_into("<I", block, size + 4, zlib.crc32(block[:size]))
    return block


def changed(image: bytearray, plain: Plain, at: int, form: str, *values: int) -> bytearray:
    """Change all copies, with checksums that are right."""
    for place in plain.places.metadata:
        block = image[place : place + BLOCK]
        struct.pack_into(form, block, at, *values)
        image[place : place + BLOCK] = summed(block)
    return image


@pytest.mark.parametrize("broken", [(), (0,), (2,), (0, 1), (1, 2)])
def test_one_whole_copy_is_enough(plain: Plain, coded: bytearray, broken: tuple[int, ...]) -> None:
    for copy in broken:
        coded[plain.places.metadata[copy] + 200] ^= 1
    volume = opened(coded)
    assert volume.metadata.damaged_copies == len(broken)
    shown = encryptor.shown(plain.content, Made(), plain.places)
    assert volume.read(0, SIZE) == shown


def test_no_whole_copy_is_an_error_that_says_what_is_wrong(plain: Plain, coded: bytearray) -> None:
    first, second, third = plain.places.metadata
    coded[first : first + 8] = bytes(8)
    coded[second + VERSION] = 3
    coded[third + 300] ^= 1
    with pytest.raises(MetadataError) as error:
        opened(coded)
    assert error.value.exit_code == 4
    assert error.value.message == (
        "All copies of BitLocker's metadata of volume 3 of disk.img are damaged: "
        f"there is none at byte {first}; the one at byte {second} has version 3, which is unknown; "
        f"the one at byte {third} has a wrong checksum. Nothing was changed."
    )


def test_windows_vista_is_refused_by_name(coded: bytearray) -> None:
    coded[160:176] = bytes(16)
    with pytest.raises(MetadataError, match="Windows Vista"):
        opened(coded)


@pytest.mark.parametrize("state", [1, 2, 3, 4, 6, 0xFFFF])
def test_the_state_is_sealed(plain: Plain, coded: bytearray, state: int) -> None:
    changed(coded, plain, STATE, "<H", state)
    _, copies = metadata.read(Memory(coded), "volume")
    assert copies[0].state == state
    with pytest.raises(MetadataError, match="damaged in every copy"):
        opened(coded)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (Made(mark=1 << 20, state=(2, 4), log_size=1 << 20), "interrupted while it converted"),
        (Made(mark=1 << 20, state=(5, 4), log_size=4096), "interrupted while it converted"),
        (Made(mark=0, state=(5, 4)), "doesn't say how far"),
        (Made(state=(7, 4)), "unknown state 7"),
    ],
)
def test_a_volume_that_is_being_moved_is_refused(plain: Plain, made: Made, message: str) -> None:
    image = encryptor.encrypt(plain.content, made, plain.places, [encryptor.clear()])
    with pytest.raises(MetadataError, match=message) as error:
        opened(image)
    assert "Nothing was changed" in error.value.message or "unknown" in message


def test_a_decrypted_volume_is_all_plain(plain: Plain) -> None:
    made = Made(mark=0, state=(1, 1))
    image = encryptor.encrypt(plain.content, made, plain.places, [encryptor.clear()])
    assert opened(image).read(0, SIZE) == encryptor.shown(plain.content, made, plain.places)


@pytest.mark.parametrize(
    ("at", "form", "values", "message"),
    [
        (HEADER, "<Q", (SIZE,), "should lie outside"),
        (HEADER, "<Q", (SIZE - 4096,), "should lie outside"),
        (HEADER, "<Q", (0,), "should lie outside"),
        (HEADER, "<Q", (1001,), "should lie outside"),
        (HEADER, "<Q", ((1 << 64) - 512,), "should lie outside"),
        (SECTORS, "<I", (0xFFFFFFFF,), "impossible"),
        (COPIES, "<QQQ", (0, 1 << 20, 2 << 20), "should lie outside"),
        (COPIES, "<QQQ", (1 << 20, 1 << 62, 2 << 20), "should lie outside"),
        (COPIES, "<QQQ", (SIZE - 512, 1 << 20, 2 << 20), "should lie outside"),
        (UNITS, "<H", (0,), "impossible size"),
        (UNITS, "<H", (0xFFFF,), "impossible size"),
        (64, "<I", (0,), "impossible sizes"),
        (64, "<I", (0xFFFFFFFF,), "impossible sizes"),
        (72, "<I", (0xFFFFFFF0,), "impossible sizes"),
        (76, "<I", (0xFFFFFFF0,), "impossible sizes"),
        (112, "<H", (3,), "impossible size"),
        (112, "<H", (0xFFFF,), "impossible size"),
    ],
)
def test_metadata_that_points_outside(
    plain: Plain, coded: bytearray, at: int, form: str, values: tuple[int, ...], message: str
) -> None:
    with pytest.raises(MetadataError, match=message):
        opened(changed(coded, plain, at, form, *values))


@pytest.mark.parametrize("offset", [0, 100, SIZE, SIZE - 512, 1 << 63, (1 << 64) - 1])
def test_a_first_sector_that_points_outside(coded: bytearray, offset: int) -> None:
    struct.pack_into("<3Q", coded, 176, offset, offset, offset)
    with pytest.raises(MetadataError, match=r"damaged: (one should lie|there is none)"):
        opened(coded)


@pytest.mark.parametrize("size", [0, 1, 511, 513, 8192, 0xFFFF])
def test_a_first_sector_with_impossible_sectors(coded: bytearray, size: int) -> None:
    struct.pack_into("<H", coded, 11, size)
    with pytest.raises(MetadataError, match=f"sectors of {size} bytes"):
        opened(coded)


def test_parts_that_overlap_are_refused(plain: Plain) -> None:
    places = encryptor.Places(plain.places.metadata, plain.places.metadata[1] + 4096)
    made = Made(mark=0, state=(1, 1))
    image = encryptor.encrypt(plain.content, made, places, [encryptor.clear()])
    with pytest.raises(MetadataError, match="overlap"):
        opened(image)


def test_thousands_of_key_slots_take_little(plain: Plain) -> None:
    # More than fit into a copy (64 KiB), and as many as do.
    tiny = Protector("tiny", 0x0800, b"")
    places, made = plain.places, Made(mark=0, state=(1, 1))
    image = bytearray(plain.content)
    image[:512] = encryptor.first_sector(made, places)
    for count in (100_000, 1_700):
        listed = tiny.entry() * count
        size = min(48 + len(listed), 0xFFFFFFFF)
        head = struct.pack("<IIII16sIHHQ", size, 1, 48, size, bytes(16), 0, 0x8004, 0, 0)
        units = min(-(-(64 + size) // 16), 0xFFFF)
        head_block = struct.pack(
            *("<8sHHHHQII3QQ", b"-FVE-FS-", units, 2, 4, 4, SIZE, 0, 16, *places.metadata),
            places.header,
        )
        block = summed(bytearray((head_block + head + listed)[:BLOCK].ljust(BLOCK, b"\0")))
        for place in places.metadata:
            image[place : place + BLOCK] = block
        tracemalloc.start()
        start = time.process_time()
        with pytest.raises((MetadataError, LockedError)):
            OpenVolume.open(Memory(image), [keys.password("x")], "volume")
        assert time.process_time() - start < 5
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
        tracemalloc.stop()


def test_any_damage_ends_in_an_error_of_reseals_own(plain: Plain, coded: bytearray) -> None:
    chance = random.Random(27)
    block = coded[plain.places.metadata[0] :][:BLOCK]
    end = struct.unpack_from("<H", block, UNITS)[0] * 16 + 200
    counts = {"opened": 0, "refused": 0}
    for _ in range(3_000):
        wrong = bytearray(block)
        for _ in range(chance.choice((1, 1, 2, 8))):
            at = chance.randrange(end)
            wrong[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        summed(wrong)
        for place in plain.places.metadata:
            coded[place : place + BLOCK] = wrong
        try:
            opened(coded).read(0, 16384)
            counts["opened"] += 1
        except ResealError:
            counts["refused"] += 1
    assert counts["refused"] > 1_000, counts


def test_what_is_shown_holds_no_key(plain: Plain, password: Protector, recovery: Protector) -> None:
    protectors = [encryptor.tpm(), password, recovery, encryptor.startup(), encryptor.clear()]
    image = encryptor.encrypt(plain.content, Made(mark=0, state=(1, 1)), plain.places, protectors)
    _, (first, *_) = metadata.read(Memory(image), "volume")
    shown = first.to_json()
    assert [one["kind"] for one in shown["protectors"]] == [
        *("TPM", "password", "recovery key", "startup key", "clear key"),
    ]
    assert shown["id"] == str(encryptor.VOLUME)
    assert shown["cipher"] == "AES-XTS 128-bit"
    assert shown["created"] == "2024-01-01T00:00:00+00:00"
    clear_key = encryptor.repeatable("key of clear", 32)
    for text in (repr(first), repr(shown), repr(first.protectors)):
        assert clear_key.hex() not in text
        assert repr(clear_key)[2:20] not in text


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (0x0100, "TPM"),
        (0x0500, "TPM and PIN"),
        (0x0300, "TPM and startup key"),
        (0x0700, "TPM and PIN and startup key"),
        (0x1000, "smart card"),
        (0x4000, "unknown kind 0x4000"),
    ],
)
def test_kinds_of_protectors_have_names(plain: Plain, kind: int, name: str) -> None:
    image = encryptor.encrypt(
        plain.content, Made(mark=0, state=(1, 1)), plain.places, [Protector("one", kind, b"")]
    )
    _, (first, *_) = metadata.read(Memory(image), "volume")
    assert first.offers == name


def test_the_judges_read_the_same_metadata(
    plain: Plain, recovery: Protector, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("judged") / "volume.img"
    protectors = [encryptor.tpm(), recovery, encryptor.clear()]
    encryptor.encrypt_file_from(plain.content, file, Made(), plain.places, protectors)
    _, (first, *_) = metadata.read(Memory(file.read_bytes()), "volume")
    theirs = judges.cryptsetup(file)
    assert theirs["id"] == str(first.id)
    assert theirs["description"] == first.description
    assert set(theirs["protectors"]) == {str(one.id) for one in first.protectors}
    also = judges.dissect_metadata(file)
    assert also["id"] == str(first.id)
    assert also["protectors"] == sorted(str(one.id) for one in first.protectors)
