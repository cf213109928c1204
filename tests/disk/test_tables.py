"""Partition tables that reseal writes, read by sfdisk and sgdisk, and by reseal itself."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from reseal.disk import DiskError, FileDevice, VolumeRange, volumes
from reseal.disk.tables import rewrite, write_boot_code, write_gpt, write_mbr
from reseal.testing.disks import BASIC_DATA, EFI_SYSTEM, RECOVERY, gpt_disk
from tests.disk.test_partitions import sfdisk

MIB = 1 << 20
DISK = UUID("11111111-2222-3333-4444-555555555555")
ROWS = [
    (1, 1, 260, EFI_SYSTEM, 0),
    (2, 261, 700, BASIC_DATA, 0),
    (4, 961, 60, RECOVERY, 1 << 63 | 1),
]


def gpt(rows: list[tuple[int, int, int, str, int]] = ROWS) -> list[VolumeRange]:
    return [
        VolumeRange(
            number, start * MIB, size * MIB, "gpt", kind, str(UUID(int=number)), f"part {number}",
            str(DISK), attributes=attributes,
        )
        for number, start, size, kind, attributes in rows
    ]  # fmt: skip


def mbr(*rows: tuple[int, int, int]) -> list[VolumeRange]:
    return [
        VolumeRange(
            number, start * MIB, size * MIB, "mbr", "07", f"0badcafe-{number:02x}",
            disk="0badcafe", active=number == 1,
        )
        for number, start, size in rows
    ]  # fmt: skip


@pytest.fixture
def disk(tmp_path: Path) -> FileDevice:
    path = tmp_path / "disk.raw"
    with path.open("wb") as file:
        file.truncate(1024 * MIB)
    return FileDevice(path, read_only=False)


def test_a_gpt_is_read_by_others(disk: FileDevice) -> None:
    write_gpt(disk, DISK, gpt())
    disk.flush()
    found = sfdisk(disk.path)
    assert [(one["start"] * 512, one["size"] * 512) for one in found] == [
        (start * MIB, size * MIB) for _, start, size, _, _ in ROWS
    ]
    assert [one["type"].lower() for one in found] == [row[3] for row in ROWS]
    assert [one["uuid"].lower() for one in found] == [str(UUID(int=row[0])) for row in ROWS]
    assert found[2]["node"].endswith("4")
    assert found[2]["name"] == "part 4"
    assert found[2]["attrs"] == "RequiredPartition GUID:63"
    assert volumes(disk) == gpt()
    # The protective MBR, the second table and the checksums.
    if shutil.which("sgdisk"):
        judged = subprocess.run(
            ["sgdisk", "-v", disk.path], check=False, capture_output=True, text=True
        )
        assert "No problems found" in judged.stdout, judged.stdout
    disk.write(512, bytes(512))
    assert volumes(disk) == gpt()  # the second table


def test_an_mbr_is_read_by_others_and_keeps_the_boot_code(disk: FileDevice) -> None:
    write_boot_code(disk, b"\xeb\xfe" + b"code" * 100)
    write_mbr(disk, 0x0BADCAFE, mbr((1, 1, 100), (2, 101, 900)))
    disk.flush()
    found = sfdisk(disk.path)
    assert [(one["start"], one["size"], one["type"], one.get("bootable", False)) for one in found] == [
        (2048, 204800, "7", True), (206848, 1843200, "7", False),
    ]  # fmt: skip
    assert disk.read(0, 402) == b"\xeb\xfe" + b"code" * 100
    assert volumes(disk) == mbr((1, 1, 100), (2, 101, 900))


def test_a_table_is_written_again_for_a_larger_disk(disk: FileDevice, tmp_path: Path) -> None:
    write_boot_code(disk, b"code")
    write_gpt(disk, DISK, gpt())
    disk.close()
    with (tmp_path / "disk.raw").open("r+b") as file:
        file.truncate(2048 * MIB)
    larger = FileDevice(disk.path, read_only=False)
    wanted = [*gpt()[:1], replace(gpt()[1], size=1000 * MIB), replace(gpt()[2], offset=1900 * MIB)]
    rewrite(larger, wanted)
    assert volumes(larger) == wanted
    assert larger.read(0, 4) == b"code"
    (header,) = [larger.read(512, 92)]
    assert int.from_bytes(header[32:40], "little") == 2048 * MIB // 512 - 1
    assert sfdisk(larger.path)[1]["size"] == 1000 * MIB // 512


@pytest.mark.parametrize(
    "rows",
    [
        [(1, 1, 500, BASIC_DATA, 0), (2, 500, 100, BASIC_DATA, 0)],  # overlap
        [(1, 0, 500, BASIC_DATA, 0)],  # on the table
        [(1, 1, 1023, BASIC_DATA, 0)],  # on the second table
        [(129, 1, 10, BASIC_DATA, 0)],
    ],
)
def test_partitions_that_do_not_fit_are_refused(
    disk: FileDevice, rows: list[tuple[int, int, int, str, int]]
) -> None:
    with pytest.raises(DiskError, match="does not fit"):
        write_gpt(disk, DISK, gpt(rows))
    assert not any(disk.read(0, 4096))


def test_an_extended_partition_is_not_written_away(disk: FileDevice) -> None:
    sfdisk(disk.path, "label: dos\nsize=100M,type=7\ntype=5\nsize=50M,type=7\n")
    before = disk.read(0, 512)
    with pytest.raises(DiskError, match="extended"):
        rewrite(disk, [one for one in volumes(disk) if one.number < 5])
    assert disk.read(0, 512) == before


def test_a_gpt_with_large_sectors_is_left_alone(tmp_path: Path) -> None:
    path = gpt_disk(tmp_path / "4k.raw", [(64 * MIB, BASIC_DATA, "x")], sector=4096)
    device = FileDevice(path, read_only=False)
    with pytest.raises(DiskError, match="does not write"):
        rewrite(device, volumes(device))


def test_code_that_is_too_long_is_refused(disk: FileDevice) -> None:
    with pytest.raises(DiskError, match="does not fit"):
        write_boot_code(disk, bytes(441))


def test_what_sfdisk_says_is_json(disk: FileDevice) -> None:
    write_gpt(disk, DISK, gpt())
    done = subprocess.run(
        ["sfdisk", "--json", disk.path], check=True, capture_output=True, text=True
    )
    assert json.loads(done.stdout)["partitiontable"]["id"].lower() == str(DISK)
