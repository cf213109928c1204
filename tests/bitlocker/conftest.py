"""A small NTFS volume with room for BitLocker, and how it looks encrypted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from reseal.disk import FileDevice
from reseal.ntfs import Volume
from reseal.testing.volumes import ntfs_volume, populate
from tests.bitlocker import encryptor
from tests.bitlocker.encryptor import Places

SIZE = 8 << 20


class Memory:
    """A device in memory."""

    def __init__(self, data: bytes | bytearray, *, read_only: bool = True) -> None:
        self.data = bytearray(data)
        self.size = len(data)
        self.read_only = read_only
        self.bytes_read = 0

    def read(self, offset: int, size: int) -> bytes:
        assert 0 <= offset <= offset + size <= self.size
        self.bytes_read += size
        return bytes(self.data[offset : offset + size])

    def write(self, offset: int, data: bytes) -> None:
        assert not self.read_only
        assert 0 <= offset <= offset + len(data) <= self.size
        self.data[offset : offset + len(data)] = data

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Plain:
    """A volume before it is encrypted."""

    content: bytes
    places: Places


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Plain:
    return _volume(tmp_path_factory.mktemp("plain") / "volume.img", 512)


@pytest.fixture(scope="session")
def plain_4k(tmp_path_factory: pytest.TempPathFactory) -> Plain:
    return _volume(tmp_path_factory.mktemp("plain4k") / "volume.img", 4096)


def _volume(path: Path, sector: int) -> Plain:
    ntfs_volume(path, SIZE, sector_size=sector, label="DATA")
    places = encryptor.make_room(path)
    device = FileDevice(path, read_only=False)
    with Volume.open(device, read_only=False, name=path.name) as volume:
        populate(volume, {"Report.txt": b"quarterly", "Big": encryptor.repeatable("big", 700_000)})
    device.close()
    return Plain(path.read_bytes(), places)


@pytest.fixture(scope="session")
def password() -> encryptor.Protector:
    """Stretching takes long, so this is made once."""
    return encryptor.password("s3cret £")


@pytest.fixture(scope="session")
def recovery() -> encryptor.Protector:
    return encryptor.recovery()
