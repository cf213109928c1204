"""Volumes that are decrypted in place: what a reader shows is what is written."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from reseal.bitlocker import OpenVolume
from reseal.bitlocker.decrypt import decrypt, needed
from reseal.disk import FileDevice, Slice
from reseal.ntfs import Volume
from tests.bitlocker import encryptor
from tests.bitlocker.conftest import SIZE, Memory, Plain
from tests.bitlocker.encryptor import Made
from tests.bitlocker.test_reading import KINDS, made
from tests.ntfs.judges import judge

CLEAR = [encryptor.clear()]


class Extents(Memory):
    """A device in memory that knows where it holds data, as qcow2 does: in units of 64 KiB."""

    def zero(self, offset: int, size: int) -> None:
        self.data[offset : offset + size] = bytes(size)

    def extents(self, offset: int, size: int) -> Iterator[tuple[int, int]]:
        unit = 64 << 10
        for at in range(offset // unit * unit, offset + size, unit):
            if any(self.data[at : at + unit]):
                start, end = max(at, offset), min(at + unit, offset + size)
                yield start, end - start


class Part(Slice):
    """A slice that takes the extents of the device in memory."""

    def data(self, offset: int, size: int) -> Iterator[tuple[int, int]]:
        device = self._device
        assert isinstance(device, Extents)
        yield from device.extents(offset, size)


def decrypted(image: bytes, *, sparse: bool) -> tuple[bytes, int]:
    device = Extents(image, read_only=False)
    part = Part(device, 0, device.size)
    written = decrypt(OpenVolume.open(part, [], "volume"), part, sparse=sparse)
    return bytes(device.data), written


@pytest.mark.parametrize("kind", KINDS[:4])
@pytest.mark.parametrize("method", [encryptor.CBC_256, encryptor.XTS_128])
def test_what_is_shown_is_what_is_written(plain: Plain, kind: str, method: int) -> None:
    one = made(kind, method)
    image = bytes(encryptor.encrypt(plain.content, one, plain.places, CLEAR))
    shown = encryptor.shown(plain.content, one, plain.places)
    content, written = decrypted(image, sparse=False)
    assert content == shown
    assert b"-FVE-FS-" not in content
    assert b"FVE-EOW" not in content
    part = Slice(Memory(image), 0, SIZE)
    volume = OpenVolume.open(part, [], "volume")
    assert written <= needed(volume, part, sparse=False)


def test_what_was_never_written_stays_empty(plain: Plain) -> None:
    """As in a volume of which Windows encrypted used space only."""
    free = _free(plain)
    one = Made(method=encryptor.XTS_128, untouched=free)
    image = bytes(encryptor.encrypt(plain.content, one, plain.places, CLEAR))
    noise, all_of_it = decrypted(image, sparse=False)
    content, written = decrypted(image, sparse=True)
    shown = encryptor.shown(plain.content, one, plain.places)
    assert content == shown
    assert noise != shown
    assert written < all_of_it / 2
    for place, size in free:
        assert not any(content[place : place + size])


def _free(plain: Plain) -> list[tuple[int, int]]:
    """Sectors of nothing but zeros, which the volume's content has everywhere."""
    own = [(place, encryptor.BLOCK) for place in plain.places.metadata]
    own += [(plain.places.header, 8192), (0, 8192)]
    return [
        (at, 512)
        for at in range(0, SIZE, 512)
        if not any(plain.content[at : at + 512])
        and not any(place <= at < place + size for place, size in own)
    ]


@pytest.mark.parametrize("sparse", [False, True])
def test_the_file_system_is_whole(plain: Plain, tmp_path: Path, *, sparse: bool) -> None:
    one = Made(method=encryptor.XTS_256)
    file = encryptor.encrypt_file_from(
        plain.content, tmp_path / "volume.img", one, plain.places, CLEAR
    )
    device = FileDevice(file, read_only=False)
    part = Slice(device, 0, device.size)
    decrypt(OpenVolume.open(part, [], "volume"), part, sparse=sparse)
    device.close()
    judge(file)
    device = FileDevice(file)
    with Volume.open(device, read_only=True, name="volume") as volume:
        assert volume.read("Big") == encryptor.repeatable("big", 700_000)
    assert file.read_bytes() == encryptor.shown(plain.content, one, plain.places)


def test_progress_ends_at_the_whole(plain: Plain) -> None:
    image = encryptor.encrypt(plain.content, Made(), plain.places, CLEAR)
    device = Extents(image, read_only=False)
    part = Part(device, 0, device.size)
    seen: list[tuple[int, int]] = []
    decrypt(
        OpenVolume.open(part, [], "volume"),
        part,
        sparse=False,
        report=lambda done, total: seen.append((done, total)),
    )
    assert seen == sorted(seen)
    assert seen[-1] == (SIZE, SIZE)


def test_random_volumes_in_random_layouts() -> None:
    chance = random.Random(3)
    size = 2 << 20
    for number in range(12):
        content = encryptor.repeatable(f"volume {number}", size)
        places = encryptor.fixed_places(size)
        one = Made(
            method=chance.choice(encryptor.METHODS[2:]),
            mark=chance.choice((None, chance.randrange(0, size, 512))),
            header_size=chance.randrange(512, 64 << 10, 512),
        )
        if one.mark is not None:
            one.state = (5, 1) if one.mark else (1, 1)
        image = bytes(encryptor.encrypt(content, one, places, CLEAR))
        assert decrypted(image, sparse=False)[0] == encryptor.shown(content, one, places)
