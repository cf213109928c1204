"""Volumes that grow, judged by ntfsresize, ntfsfix and dissect.ntfs."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from reseal.disk import FileDevice
from reseal.ntfs import DirtyVolumeError, NotNtfsError, Volume, VolumeError
from reseal.ntfs.extend import extend, set_hidden_sectors
from reseal.testing.volumes import ntfs_volume
from tests.ntfs.conftest import writable
from tests.ntfs.judges import judge_structure
from tests.wim import oracle
from tests.wim.volumes import rich_volume

MIB = 1 << 20


def _grow(path: Path, size: int, **options: int) -> int:
    os.truncate(path, size)
    device = FileDevice(path, read_only=False)
    try:
        return extend(device, path.name, **options)
    finally:
        device.close()


def _backup(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-512, os.SEEK_END)
        return file.read()


@pytest.mark.parametrize("growth", [8192, MIB, 40 * MIB + 512, 3000 * MIB])
def test_everything_stays_and_the_volume_fills_its_device(tmp_path: Path, growth: int) -> None:
    path = tmp_path / "volume.raw"
    rich_volume(path)
    before = oracle.volume(path)
    size = path.stat().st_size
    assert _grow(path, size + growth) == growth
    judge_structure(path)
    assert oracle.volume(path) == before
    with path.open("rb") as file:
        first = file.read(512)
    assert struct.unpack_from("<Q", first, 0x28) == ((size + growth) // 512 - 1,)
    assert _backup(path) == first


def test_the_new_space_can_be_used(tmp_path: Path) -> None:
    path = tmp_path / "volume.raw"
    ntfs_volume(path, 16 * MIB)
    _grow(path, 128 * MIB)
    data = os.urandom(1 << 16) * 1600  # 100 MiB, more than there was
    with writable(path) as volume:
        volume.create("large.bin", data)
    judge_structure(path)
    assert oracle.volume(path)["large.bin"].streams[""] == data


def test_it_grows_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "volume.raw"
    rich_volume(path)
    before = oracle.volume(path)
    for size in (25, 26, 64, 65, 512):
        assert _grow(path, size * MIB) > 0
    judge_structure(path)
    assert oracle.volume(path) == before


@pytest.mark.parametrize("cluster_size", [512, 2048, 65536])
def test_other_sizes_of_clusters(tmp_path: Path, cluster_size: int) -> None:
    path = tmp_path / "volume.raw"
    ntfs_volume(path, 24 * MIB, cluster_size=cluster_size)
    assert _grow(path, 96 * MIB) == 72 * MIB
    judge_structure(path)


def test_large_sectors(tmp_path: Path) -> None:
    path = tmp_path / "volume.raw"
    ntfs_volume(path, 24 * MIB, sector_size=4096)
    assert _grow(path, 96 * MIB) == 72 * MIB
    judge_structure(path)


@pytest.mark.corpus
def test_volumes_that_windows_made_grow(vss_volume: Path, vhdx_volume: Path) -> None:
    for path, size in ((vss_volume, 1536 * MIB), (vhdx_volume, 32 * MIB)):
        before = oracle.volume(path)
        assert _grow(path, size) > 0
        judge_structure(path)
        assert oracle.volume(path) == before


def test_a_volume_that_fills_its_device_stays(tmp_path: Path) -> None:
    path = tmp_path / "volume.raw"
    ntfs_volume(path, 16 * MIB)
    assert _grow(path, 16 * MIB) == 0
    judge_structure(path)


def test_the_partition_s_place_reaches_both_boot_sectors(tmp_path: Path) -> None:
    path = tmp_path / "volume.raw"
    ntfs_volume(path, 16 * MIB)
    _grow(path, 32 * MIB, hidden_sectors=4711)
    assert struct.unpack_from("<I", path.read_bytes(), 0x1C) == (4711,)
    device = FileDevice(path, read_only=False)
    set_hidden_sectors(device, 815)
    device.close()
    data = path.read_bytes()
    assert data[:512] == data[-512:]
    assert struct.unpack_from("<I", data, 0x1C) == (815,)
    judge_structure(path)


def test_growth_below_what_the_bitmap_takes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "volume.raw"
    ntfs_volume(path, 512 * MIB)
    with pytest.raises(VolumeError, match="can't grow by less"):
        _grow(path, 512 * MIB + 8192)


def test_a_dirty_volume_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "volume.raw"
    ntfs_volume(path, 16 * MIB)
    with writable(path) as volume:
        volume.set_dirty(dirty=True)
    data = path.read_bytes()
    with pytest.raises(DirtyVolumeError):
        _grow(path, 32 * MIB)
    assert path.read_bytes()[: 16 * MIB] == data


def test_a_device_without_a_volume_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nothing.raw"
    path.write_bytes(bytes(MIB))
    with pytest.raises(NotNtfsError):
        _grow(path, 2 * MIB)


def test_it_opens_for_writing_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "volume.raw"
    rich_volume(path)
    _grow(path, 256 * MIB)
    device = FileDevice(path, read_only=False)
    with Volume.open(device, read_only=False, name="x") as volume:
        assert volume.boot.size == 256 * MIB - 512
        volume.write(r"Windows\System32\SHORT.DLL", b"longer" * 1000)
    judge_structure(path)
