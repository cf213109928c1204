"""FAT volumes: read and changed here, judged by dosfstools and mtools."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reseal.disk import FileDevice, Slice
from reseal.errors import ImageError
from reseal.fat import FatError, FatVolume, NotFatError
from reseal.testing.fat import fat_volume

MEBIBYTE = 1 << 20
BCD = r"EFI\Microsoft\Boot\BCD"
LONG = "a name that is much longer than eight and three.configuration data"
TREE: dict[str, Any] = {
    "EFI": {
        "Microsoft": {"Boot": {"BCD": b"regf" * 5000, "BCD.LOG1": b"HvLE" * 900, "BCD.LOG2": b""}},
        "Boot": {"bootx64.efi": b"MZ" * 30000},
        **{f"folder {number}": {} for number in range(70)},
    },
    LONG: b"long",
    "umläut.txt": "ä".encode(),
}
#: (bits, bytes of the volume, sectors of a cluster, bytes of a sector)
KINDS = [(12, 2 * MEBIBYTE, 1, 512), (16, 16 * MEBIBYTE, 4, 512), (32, 36 * MEBIBYTE, 1, 512),
         (32, 300 * MEBIBYTE, 8, 512), (32, 300 * MEBIBYTE, 1, 4096)]  # fmt: skip
ENVIRONMENT = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin", "MTOOLS_SKIP_CHECK": "1"}


def judge(path: Path) -> None:
    """fsck.vfat finds nothing to repair."""
    done = subprocess.run(
        ["fsck.vfat", "-n", path], capture_output=True, text=True, check=False, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stdout
    assert "nconsist" not in done.stdout, done.stdout
    assert "wrong" not in done.stdout, done.stdout


def mtools(path: Path, name: str) -> bytes:
    """A file's content, as mtools reads it."""
    source = "::/" + name.replace("\\", "/")
    command = ["mcopy", "-n", "-i", str(path), source, "-"]
    return subprocess.run(command, capture_output=True, check=True, env=ENVIRONMENT).stdout


def opened(path: Path, *, read_only: bool = False) -> FatVolume:
    return FatVolume.open(FileDevice(path, read_only=read_only), read_only=read_only)


@pytest.fixture(params=KINDS, ids=lambda kind: f"FAT{kind[0]}-{kind[2] * kind[3]}")
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    bits, size, cluster, sector = request.param
    volume = tmp_path / "volume"
    fat_volume(volume, size, TREE, bits=bits, cluster_sectors=cluster, sector_size=sector)
    return volume


def test_files_are_read(path: Path, request: pytest.FixtureRequest) -> None:
    volume = opened(path, read_only=True)
    assert f"FAT{volume.boot.bits}-" in request.node.name
    assert volume.read(BCD) == b"regf" * 5000
    assert volume.read(r"efi\MICROSOFT\boot\bcd", 1000, 30) == (b"regf" * 5000)[1000:1030]
    assert volume.read(BCD, 19_990, 50) == (b"regf" * 5000)[19_990:]
    assert volume.read(BCD, 30_000) == b""
    assert volume.read(LONG) == b"long"
    assert volume.read("umläut.txt") == "ä".encode()
    assert volume.read(r"EFI\Microsoft\Boot\BCD.LOG2") == b""
    stat = volume.stat("EFI")
    assert stat
    assert stat.is_directory
    for absent in ("nothing", r"EFI\nothing\BCD", r"EFI\Boot\bootx64.efi\x"):
        assert volume.stat(absent) is None


@pytest.mark.parametrize("size", [20_000, 0, 1, 511, 4096, 65_536, 200_000])
def test_a_file_gets_new_content_of_any_size(path: Path, size: int) -> None:
    content = random.Random(size).randbytes(size)
    opened(path).write(BCD, content)
    judge(path)
    assert mtools(path, BCD) == content
    assert mtools(path, r"EFI\Boot\bootx64.efi") == b"MZ" * 30000
    assert opened(path, read_only=True).read(BCD) == content


def test_an_empty_file_and_a_gap_are_filled(path: Path) -> None:
    volume = opened(path)
    volume.write(r"EFI\Microsoft\Boot\BCD.LOG2", b"x" * 5000)
    volume.patch(r"EFI\Microsoft\Boot\BCD.LOG2", 9000, b"end")
    judge(path)
    assert mtools(path, r"EFI\Microsoft\Boot\BCD.LOG2") == b"x" * 5000 + bytes(4000) + b"end"


def test_a_patch_writes_nothing_else(path: Path) -> None:
    device = Logged(path, read_only=False)
    FatVolume.open(device, read_only=False).patch(BCD, 4096, b"NEW")
    ((place, data),) = device.writes
    assert data == b"NEW"
    assert device.read(place - 4, 12) == b"regfNEWfregf"
    assert mtools(path, BCD)[4096:4099] == b"NEW"
    judge(path)


def test_a_volume_inside_a_disk(tmp_path: Path) -> None:
    inner = fat_volume(tmp_path / "inner", 36 * MEBIBYTE, TREE)
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(MEBIBYTE) + inner.read_bytes() + bytes(MEBIBYTE))
    part = Slice(FileDevice(disk, read_only=False), MEBIBYTE, 36 * MEBIBYTE)
    FatVolume.open(part, read_only=False).write(BCD, b"new")
    data = disk.read_bytes()
    assert not any(data[:MEBIBYTE])
    assert not any(data[-MEBIBYTE:])
    inner.write_bytes(data[MEBIBYTE:-MEBIBYTE])
    judge(inner)
    assert mtools(inner, BCD) == b"new"


def test_what_can_not_be_is_refused(tmp_path: Path) -> None:
    volume = fat_volume(tmp_path / "volume", 2 * MEBIBYTE, TREE, bits=12)
    with pytest.raises(FatError, match="reading only"):
        opened(volume, read_only=True).write(BCD, b"")
    with pytest.raises(FatError, match="is not a file"):
        opened(volume).read("EFI")
    before = volume.read_bytes()
    with pytest.raises(FatError, match="is full"):
        opened(volume).write(BCD, bytes(2 * MEBIBYTE))
    assert volume.read_bytes() == before
    empty = tmp_path / "empty"
    empty.write_bytes(bytes(4096))
    with pytest.raises(NotFatError):
        opened(empty)
    cut = tmp_path / "cut"
    cut.write_bytes(before[: MEBIBYTE // 2])
    with pytest.raises(FatError, match="truncated"):
        opened(cut)


def test_a_loop_in_a_chain_is_an_error(tmp_path: Path) -> None:
    path = fat_volume(tmp_path / "volume", 36 * MEBIBYTE, TREE)
    volume = opened(path)
    entry, _ = volume._file(BCD)
    volume._table._set(entry.cluster + 3, entry.cluster)
    with pytest.raises(FatError, match="does not end"):
        opened(path).read(BCD)
    volume._table._set(entry.cluster + 3, 0x0FFFFFFF)
    with pytest.raises(FatError, match="shorter than it says"):
        opened(path).read(BCD)
    root = volume.boot.root_cluster
    volume._table._set(root, root)
    with pytest.raises(FatError, match="does not end"):
        opened(path).stat(BCD)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(st.integers(0, 60_000), st.integers(0, 255)), min_size=1, max_size=12),
    st.sampled_from([12, 16, 32]),
)
def test_a_damaged_volume_is_an_error_and_nothing_else(
    damaged: dict[int, bytes], changes: list[tuple[int, int]], bits: int
) -> None:
    data = bytearray(damaged[bits])
    for place, byte in changes:
        data[place] = byte
    device = Memory(data)
    try:
        volume = FatVolume.open(device, read_only=False)
        volume.read(BCD)
        volume.write(BCD, b"x" * 3000)
    except ImageError:
        pass


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> dict[int, bytes]:
    """Small volumes to damage, by bits of an entry."""
    folder = tmp_path_factory.mktemp("damaged")
    return {
        bits: fat_volume(folder / str(bits), size, TREE, bits=bits).read_bytes()
        for bits, size in ((12, MEBIBYTE), (16, 5 * MEBIBYTE), (32, 36 * MEBIBYTE))
    }


class Logged(FileDevice):
    """A file that notes what is written to it."""

    def __init__(self, path: Path, *, read_only: bool) -> None:
        super().__init__(path, read_only=read_only)
        self.writes: list[tuple[int, bytes]] = []

    def write(self, offset: int, data: bytes) -> None:
        self.writes.append((offset, data))
        super().write(offset, data)


class Memory:
    """A device in memory."""

    read_only = False

    def __init__(self, data: bytearray) -> None:
        self.data = data
        self.size = len(data)

    def read(self, offset: int, size: int) -> bytes:
        assert 0 <= offset <= offset + size <= self.size
        return bytes(self.data[offset : offset + size])

    def write(self, offset: int, data: bytes) -> None:
        assert 0 <= offset <= offset + len(data) <= self.size
        self.data[offset : offset + len(data)] = data

    def flush(self) -> None: ...

    def close(self) -> None: ...
