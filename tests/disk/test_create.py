"""A disk that is being made: it appears whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from reseal.disk import DiskError, Image, VolumeRange, connect
from reseal.disk.create import NewDisk
from reseal.disk.tables import write_mbr
from reseal.errors import ImageError, UsageError

MIB = 1 << 20


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.wim"
    path.write_bytes(b"x")
    path.chmod(0o640)
    return path


def _fill(disk: NewDisk) -> None:
    with disk.serve() as socket:
        device = connect(socket)
        place = VolumeRange(1, 2 * MIB, 60 * MIB, "mbr", "07", disk="00000001")
        write_mbr(device, 1, [place])
        device.write(5 * MIB, b"content")
        device.flush()
        device.close()


@pytest.mark.parametrize("suffix", [".qcow2", ".vhdx", ".vhd", ".vmdk", ".vdi", ".raw", ".img"])
def test_a_disk_appears_in_the_format_of_its_suffix(
    source: Path, tmp_path: Path, suffix: str
) -> None:
    target = tmp_path / f"disk{suffix}"
    with NewDisk(target, 64 * MIB, source=source) as disk:
        _fill(disk)
        assert not target.exists()
        disk.commit()
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted([source.name, target.name])
    assert target.stat().st_mode & 0o777 == 0o640
    with Image.open(target) as image, image.serve(None) as socket:
        assert image.size == 64 * MIB
        device = connect(socket, read_only=True)
        assert device.read(5 * MIB, 7) == b"content"
        assert not any(device.read(MIB, MIB))
        device.close()


def test_without_a_commit_nothing_is_left(source: Path, tmp_path: Path) -> None:
    with NewDisk(tmp_path / "disk.qcow2", 64 * MIB, source=source) as disk:
        _fill(disk)
    assert [one.name for one in tmp_path.iterdir()] == [source.name]


def test_a_file_that_is_there_is_kept(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "disk.qcow2"
    target.write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists already"):
        NewDisk(target, 64 * MIB, source=source)
    target.unlink()
    with NewDisk(target, 64 * MIB, source=source) as disk:
        _fill(disk)
        target.write_bytes(b"mine")
        with pytest.raises(UsageError, match="was created by another program"):
            disk.commit()
    assert target.read_bytes() == b"mine"
    assert len(list(tmp_path.iterdir())) == 2


def test_two_runs_do_not_make_the_same_disk(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "disk.qcow2"
    with NewDisk(target, 64 * MIB, source=source), pytest.raises(ImageError, match="in use"):
        NewDisk(target, 64 * MIB, source=source)


@pytest.mark.parametrize(
    ("name", "error"),
    [("disk.txt", UsageError), ("none/disk.qcow2", UsageError)],
)
def test_impossible_outputs_are_refused(
    source: Path, tmp_path: Path, name: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        NewDisk(tmp_path / name, 64 * MIB, source=source)


def test_a_size_that_qemu_does_not_make_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="can't be created"):
        NewDisk(tmp_path / "disk.qcow2", 1 << 63, source=source)
    assert [one.name for one in tmp_path.iterdir()] == [source.name]
