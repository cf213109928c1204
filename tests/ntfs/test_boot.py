import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.disk.device import FileDevice
from reseal.ntfs import BitLockerError, NotNtfsError, Volume, VolumeError, boot
from tests.ntfs.conftest import MIB, opened


def sector(**changes: int) -> bytes:
    """Build the boot sector of a plausible volume of 16 MiB."""
    fields = {
        "sector_size": 512,
        "per_cluster": 8,
        "sectors": 32767,
        "mft": 4,
        "mirror": 2000,
        "record": -10,
        "index": 1,
        **changes,
    }
    raw = bytearray(512)
    raw[3:11] = boot.NTFS
    struct.pack_into("<HB", raw, 0x0B, fields["sector_size"], fields["per_cluster"])
    struct.pack_into("<QQQ", raw, 0x28, fields["sectors"], fields["mft"], fields["mirror"])
    struct.pack_into("<b3xb", raw, 0x40, fields["record"], fields["index"])
    struct.pack_into("<Q", raw, 0x48, 0x1234)
    raw[510:] = b"\x55\xaa"
    return bytes(raw)


def test_a_boot_sector_is_decoded() -> None:
    found = boot.parse(sector(), 16 * MIB, "disk")
    assert found == boot.BootSector(512, 4096, 32767 * 512, 16384, 2000 * 4096, 1024, 4096, 0x1234)


def test_large_clusters_are_a_negative_power_of_two() -> None:
    found = boot.parse(sector(per_cluster=256 - 8, mft=1, mirror=10, index=-12), 16 * MIB, "disk")
    assert found.cluster_size == 131_072


@pytest.mark.parametrize(
    "changes",
    [
        {"sector_size": 0},
        {"sector_size": 513},
        {"sector_size": 8192},
        {"per_cluster": 0},
        {"per_cluster": 3},
        {"per_cluster": 129},
        {"sectors": 0},
        {"mft": 0},
        {"mft": 1 << 60},
        {"mirror": 5000},
        {"record": 0},
        {"record": -4},
        {"record": -128},
        {"record": 127},
        {"index": -3},
        {"index": 100},
    ],
    ids=str,
)
def test_an_impossible_geometry_is_an_error(changes: dict[str, int]) -> None:
    with pytest.raises(VolumeError, match="impossible"):
        boot.parse(sector(**changes), 1 << 62, "disk")


@pytest.mark.parametrize("size", [32767 * 512 - 1, 512])
def test_a_volume_that_is_cut_off_says_so(size: int) -> None:
    with pytest.raises(VolumeError, match="truncated"):
        boot.parse(sector(), size, "disk")


@pytest.mark.parametrize(
    ("offset", "signature"),
    [
        (3, b"-FVE-FS-"),
        (424, bytes.fromhex("3bd66749292ed84a8399f6a339e3d001")),
        (424, bytes.fromhex("3b4da89280dd0e4d9e4eb1e3284eaed8")),
    ],
)
def test_bitlocker_is_recognised(tmp_path: Path, offset: int, signature: bytes) -> None:
    raw = bytearray(sector() if offset == 3 else bytes(512))
    raw[offset : offset + len(signature)] = signature
    path = tmp_path / "disk.raw"
    path.write_bytes(raw + bytes(4096))
    with (
        pytest.raises(BitLockerError, match=r"disk\.raw is encrypted with BitLocker") as caught,
        opened(path),
    ):
        pass
    assert caught.value.exit_code == 4
    assert caught.value.hint


@pytest.mark.parametrize("content", [b"", bytes(511), bytes(512), b"\xff" * 4096])
def test_what_is_no_ntfs_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "disk.raw"
    path.write_bytes(content)
    with pytest.raises(NotNtfsError), opened(path):
        pass


@given(st.binary(min_size=512, max_size=512), st.integers(0, 1 << 63))
def test_no_boot_sector_raises_anything_else(raw: bytes, size: int) -> None:
    for content in (raw, raw[:3] + boot.NTFS + raw[11:510] + b"\x55\xaa"):
        with suppress(VolumeError):
            boot.parse(content, size, "disk")


def test_a_real_boot_sector(corpus: Path) -> None:
    raw = (corpus / "ntfs" / "win10-21h1-$Boot").read_bytes()
    found = boot.parse(raw[:512], 1 << 45, "disk")
    assert (found.sector_size, found.cluster_size, found.record_size) == (512, 4096, 1024)


def test_a_truncated_image_is_an_error(make: Callable[..., Path]) -> None:
    path = make({"file": b"1"})
    with path.open("r+b") as file:
        file.truncate(12 * MIB)
    with pytest.raises(VolumeError, match="truncated"), opened(path):
        pass


def test_a_volume_needs_a_writable_device_to_be_written(make: Callable[..., Path]) -> None:
    device = FileDevice(make(), read_only=True)
    with pytest.raises(ValueError, match="read-only"):
        Volume.open(device, read_only=False, name="disk")
    device.close()
