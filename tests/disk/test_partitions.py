from __future__ import annotations

import json
import shutil
import struct
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from reseal.disk import DiskError, FileDevice, Image, VolumeRange, connect, volumes
from reseal.testing.disks import (
    BASIC_DATA,
    EFI_SYSTEM,
    MBR_NTFS,
    MICROSOFT_RESERVED,
    convert,
    gpt_disk,
    mbr_disk,
)

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20


def find(path: Path) -> list[VolumeRange]:
    device = FileDevice(path)
    try:
        return volumes(device)
    finally:
        device.close()


def sfdisk(path: Path, script: str | None = None) -> list[dict[str, Any]]:
    """Have sfdisk write a table, or say what it reads."""
    if shutil.which("sfdisk") is None:
        pytest.skip("sfdisk is not installed (apt install fdisk)")
    if script is not None:
        command = ["sfdisk", "-q", "--no-tell-kernel", str(path)]
        subprocess.run(command, input=script, text=True, check=True, capture_output=True)
    told = subprocess.run(["sfdisk", "--json", str(path)], capture_output=True, check=True).stdout
    found: list[dict[str, Any]] = json.loads(told)["partitiontable"]["partitions"]
    return found


def empty(path: Path, size: int = 64 * MIB) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
    return path


@pytest.mark.parametrize(
    "script",
    [
        'label: gpt\nsize=10M, type=U, name=EFI\nsize=16M, name="Basic data ünï"\nname=rest',
        "label: gpt\ntable-length: 4\n4: size=5M\n2: size=6M",
        "label: dos\nsize=10M, type=7, bootable\nsize=20M, type=7",
        "label: dos\n1: size=5M,type=7\n2: size=50M,type=f\n5: size=6M,type=7\n6: size=7M",
        "label: dos\nsize=40M,type=5\nsize=9M,type=7\nsize=3M,type=82",
    ],
    ids=["gpt", "sparse gpt", "mbr", "logical after primary", "logical before primary"],
)
def test_what_sfdisk_wrote_is_read_as_sfdisk_reads_it(tmp_path: Path, script: str) -> None:
    disk = empty(tmp_path / "disk")
    told = sfdisk(disk, script)

    found = find(disk)

    expected = {
        (
            int(each["node"].removeprefix(str(disk))),
            each["start"] * 512,
            each["size"] * 512,
            each["type"].lower().zfill(2),
            each.get("uuid", "").lower(),
            each.get("name", ""),
        )
        for each in told
        if each["type"] not in {"5", "f"}
    }
    scheme = "gpt" if "gpt" in script else "mbr"
    assert {volume.scheme for volume in found} == {scheme}
    assert expected == {
        (
            volume.number,
            volume.offset,
            volume.size,
            volume.type,
            volume.id if scheme == "gpt" else "",
            volume.name,
        )
        for volume in found
    }


def test_what_sgdisk_wrote_is_read(tmp_path: Path) -> None:
    if shutil.which("sgdisk") is None:
        pytest.skip("sgdisk is not installed (apt install gdisk)")
    disk = empty(tmp_path / "disk")
    command = ["sgdisk", "-n", "1:0:+10M", "-t", "1:ef00", "-n", "3:0:+20M", "-t", "3:0700"]
    subprocess.run([*command, "-c", "3:Windows", str(disk)], check=True, capture_output=True)
    assert [(each.number, each.type, each.size, each.name) for each in find(disk)] == [
        (1, EFI_SYSTEM, 10 * MIB, ""),
        (3, BASIC_DATA, 20 * MIB, "Windows"),
    ]


def build_gpt(folder: Path, sector: int = 512) -> Path:
    contents: list[tuple[Path | int, str, str]] = [
        (3 * MIB, EFI_SYSTEM, "EFI"),
        (MIB, MICROSOFT_RESERVED, "reserved"),
        (5 * MIB, BASIC_DATA, "Windows"),
    ]
    return gpt_disk(folder / "disk", contents, sector=sector)


def test_our_own_gpt_is_accepted_by_sfdisk_and_sgdisk(tmp_path: Path) -> None:
    disk = build_gpt(tmp_path)
    told = sfdisk(disk)
    assert [(each["start"] * 512, each["size"] * 512) for each in told] == [
        (each.offset, each.size) for each in find(disk)
    ]
    if shutil.which("sgdisk"):
        said = subprocess.run(["sgdisk", "-v", disk], capture_output=True, text=True, check=True)
        assert "No problems found" in said.stdout


def test_our_own_mbr_is_accepted_by_sfdisk(tmp_path: Path) -> None:
    disk = mbr_disk(tmp_path / "disk", [(3 * MIB, MBR_NTFS), (5 * MIB, MBR_NTFS)])
    assert [(each["start"] * 512, each["size"] * 512) for each in sfdisk(disk)] == [
        (each.offset, each.size) for each in find(disk)
    ]
    assert find(disk)[0].id == "5ea15ea1-01"


@pytest.mark.parametrize("sector", [512, 4096])
def test_a_gpt_in_sectors_of_both_sizes(tmp_path: Path, sector: int) -> None:
    found = find(build_gpt(tmp_path, sector))
    assert [(each.offset, each.size, each.name) for each in found] == [
        (MIB, 3 * MIB, "EFI"),
        (4 * MIB, MIB, "reserved"),
        (5 * MIB, 5 * MIB, "Windows"),
    ]


@pytest.mark.parametrize("sector", [512, 4096])
@pytest.mark.parametrize("at", [0, 16, 40, 1000])
def test_a_damaged_gpt_is_read_from_its_copy(tmp_path: Path, sector: int, at: int) -> None:
    disk = build_gpt(tmp_path, sector)
    before = find(disk)
    damage(disk, sector + at if at < 500 else 2 * sector + 5)
    assert find(disk) == before
    damage(disk, disk.stat().st_size - sector)
    with pytest.raises(DiskError, match="GPT is damaged"):
        find(disk)


def damage(disk: Path, offset: int) -> None:
    data = bytearray(disk.read_bytes())
    data[offset] ^= 0xFF
    disk.write_bytes(data)


def test_a_truncated_disk(tmp_path: Path) -> None:
    for disk in (build_gpt(tmp_path), mbr_disk(tmp_path / "mbr", [(5 * MIB, MBR_NTFS)])):
        with disk.open("r+b") as file:
            file.truncate(disk.stat().st_size - 2 * MIB)
        with pytest.raises(DiskError, match="truncated"):
            find(disk)


@pytest.mark.parametrize(("kind", "said"), [("42", "dynamic disk"), ("07", None)])
def test_a_dynamic_mbr_disk_is_said(tmp_path: Path, kind: str, said: str | None) -> None:
    (volume,) = find(mbr_disk(tmp_path / "disk", [(5 * MIB, int(kind, 16))]))
    assert (said or "") in (volume.unsupported or "")
    assert (said is None) == (volume.unsupported is None)


def test_parts_of_dynamic_gpt_disks_and_storage_pools_are_said(tmp_path: Path) -> None:
    kinds = [
        "5808c8aa-7e8f-42e0-85d2-e1e90434cfb3",
        "af9b60a0-1431-4f62-bc68-3311714a69ad",
        "e75caf8f-f680-4cee-afa3-b001e56efc2d",
        BASIC_DATA,
    ]
    found = find(gpt_disk(tmp_path / "disk", [(MIB, kind, "") for kind in kinds]))
    said = [volume.unsupported for volume in found]
    assert said == [
        "a dynamic disk (LDM metadata)",
        "a dynamic disk (LDM data)",
        "a storage pool (Storage Spaces)",
        None,
    ]


def boot_sector(oem: bytes, sectors: int = 2048, *, sector: int = 512, reserved: int = 0) -> bytes:
    boot = bytearray(b"\xeb\x52\x90" + oem.ljust(8) + struct.pack("<HBH", sector, 8, reserved))
    boot += b"\xff" * (512 - len(boot))  # boot code, where an MBR would have its table
    struct.pack_into("<Q", boot, 40, sectors)
    boot[510:] = b"\x55\xaa"
    return bytes(boot)


@pytest.mark.parametrize(
    ("boot", "kind"),
    [
        (boot_sector(b"NTFS"), "ntfs"),
        (boot_sector(b"NTFS", 256, sector=4096), "ntfs"),
        (boot_sector(b"-FVE-FS-"), "bitlocker"),
        (boot_sector(b"MSDOS5.0", reserved=8).replace(b"\xff" * 3, b"FAT", 1), None),
    ],
)
def test_a_bare_volume(tmp_path: Path, boot: bytes, kind: str | None) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(boot + bytes(2 * MIB))
    if kind is None:
        with pytest.raises(DiskError, match="neither"):
            find(disk)
    else:
        assert find(disk) == [VolumeRange(1, 0, disk.stat().st_size, "none", kind)]


@pytest.mark.parametrize(
    ("boot", "said"),
    [
        (boot_sector(b"NTFS", 1 << 40), "truncated"),
        (boot_sector(b"NTFS", sector=3), "neither"),
        (boot_sector(b"XXXX"), "neither"),
        (bytes(512), "no partition table"),
        (bytes(510) + b"\x55\xaa", None),
    ],
)
def test_disks_without_volumes(tmp_path: Path, boot: bytes, said: str | None) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(boot + bytes(MIB))
    if said is None:
        assert find(disk) == []
    else:
        with pytest.raises(DiskError, match=said):
            find(disk)


def test_a_tiny_disk(tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(b"x" * 100)
    with pytest.raises(DiskError, match="too small"):
        find(tmp_path / "disk")


def entry(kind: int, first: int, sectors: int) -> bytes:
    return struct.pack("<B3xB3xII", 0, kind, first, sectors)


@pytest.mark.parametrize(
    "tables",
    [
        {0: [entry(5, 10, 1000)], 10: [entry(7, 1, 5), entry(5, 0, 10)]},
        {0: [entry(5, 10, 1000)], 10: [entry(5, 5, 10)], 15: [entry(5, 0, 10)]},
        {0: [entry(5, 10, 1000)], 10: [entry(7, 1, 5), entry(5, 1 << 31, 10)]},
        {0: [entry(5, 10, 1000)]},
        {0: [entry(5, 1 << 31, 1000)]},
        {0: [entry(7, (1 << 32) - 1, (1 << 32) - 1)]},
        {0: [entry(5, 10, 1000)], 10: [entry(7, (1 << 32) - 1, 5)]},
    ],
    ids=["loop", "longer loop", "far link", "no table", "far", "beyond", "logical beyond"],
)
def test_hostile_chains_of_logical_partitions(
    tmp_path: Path, tables: dict[int, list[bytes]]
) -> None:
    data = bytearray(MIB)
    for sector, entries in tables.items():
        table = b"".join(entries).ljust(64, b"\0") + b"\x55\xaa"
        data[sector * 512 + 446 : sector * 512 + 512] = table
    (tmp_path / "disk").write_bytes(data)
    with pytest.raises(DiskError, match=r"damaged|truncated"):
        find(tmp_path / "disk")


def test_a_long_chain_of_logical_partitions_ends(tmp_path: Path) -> None:
    data = bytearray(MIB)
    for number in range(1000):
        link = entry(5, number + 1, 1) if number else entry(5, 1, 2000)
        data[number * 512 + 446 : number * 512 + 512] = link.ljust(64, b"\0") + b"\x55\xaa"
    (tmp_path / "disk").write_bytes(data)
    with pytest.raises(DiskError, match="loop"):
        find(tmp_path / "disk")


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("test.vhdx", [("gpt", 1, 65536, 3145728, BASIC_DATA)]),
        (
            "tsk_volume_system.raw",
            [("mbr", 1, 512, 179200, "83"), ("mbr", 5, 180224, 1294336, "83")],
        ),
        ("vsstest.qcow2", [("none", 1, 0, 1 << 30, "ntfs")]),
        ("windows_volume.qcow2", [("none", 1, 0, 35913728, "ntfs")]),
    ],
)
def test_real_disks(corpus: Path, name: str, expected: list[tuple[object, ...]]) -> None:
    path = corpus / "images" / name
    before = path.stat()
    with Image.open(path) as image, image.serve() as socket_path:
        device = connect(socket_path)
        found = volumes(device)
        device.close()
    assert expected == [
        (each.scheme, each.number, each.offset, each.size, each.type) for each in found
    ]
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_contents_are_copied_and_converted(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.write_bytes(b"begin".ljust(3 * MIB, b"\0") + b"end".ljust(4096, b"\0"))
    disk = gpt_disk(tmp_path / "disk.raw", [(volume, BASIC_DATA, "one"), (MIB, BASIC_DATA, "two")])
    image = convert(disk, tmp_path / "disk.vhd", "vpc")
    with Image.open(image) as opened, opened.serve() as socket_path:
        device = connect(socket_path)
        first, _ = volumes(device)
        assert device.size == disk.stat().st_size
        assert device.read(first.offset, 5) == b"begin"
        assert device.read(first.offset + 3 * MIB, 3) == b"end"
        device.close()
