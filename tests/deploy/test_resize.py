"""Disks that become larger, with what stands behind Windows."""

from __future__ import annotations

import filecmp
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reseal.deploy import Firmware, Options, deploy, resize_disk
from reseal.errors import CheckError, ImageError, UsageError
from reseal.testing.disks import BASIC_DATA, RECOVERY, convert, gpt_disk
from reseal.testing.firmware import bootable
from reseal.testing.machine import Machine
from reseal.testing.windows import windows
from tests.deploy.firmware import bios
from tests.deploy.images import rich_image, taken_apart
from tests.end_to_end.judges import agreed
from tests.ntfs.judges import judge
from tests.wim import oracle

MIB, GIB = 1 << 20, 1 << 30


def resized(source: Path, target: Path, size: int) -> dict[str, Any]:
    return resize_disk(source, target, size, lambda _: None)


def test_the_last_partition_grows_and_all_else_stays(tmp_path: Path) -> None:
    source, target = tmp_path / "source.qcow2", tmp_path / "target.qcow2"
    windows(source, Machine(files=bootable()), firmware="uefi")
    data = source.read_bytes()
    record = resized(source, target, GIB)
    assert source.read_bytes() == data
    before, after = (taken_apart(one, tmp_path / one.stem) for one in (source, target))
    assert after.table["id"] == before.table["id"]
    assert after.rows[:2] == [
        one | {"node": two["node"]} for one, two in zip(before.rows, after.rows[:2], strict=False)
    ]
    changed = {key for key in after.rows[2] if after.rows[2][key] != before.rows[2][key]}
    assert changed == {"size", "node"} - (
        {"node"} if after.rows[2]["node"] == before.rows[2]["node"] else set()
    )
    assert sum(record["partitions"][2][name] for name in ("offset", "size")) == GIB - MIB
    assert filecmp.cmp(after.files[0], before.files[0], shallow=False)
    judge(after.files[2])
    assert oracle.volume(after.files[2]) == oracle.volume(before.files[2])
    assert record["grown"] == after.files[2].stat().st_size - before.files[2].stat().st_size


@pytest.mark.parametrize(
    "firmware", [Firmware.UEFI, pytest.param(Firmware.BIOS, marks=pytest.mark.judges)]
)
def test_a_recovery_partition_moves_to_the_end(tmp_path: Path, firmware: Firmware) -> None:
    image, disk, target = (tmp_path / f"{name}.qcow2" for name in ("image", "disk", "target"))
    rich_image(image)
    deploy(image, disk, Options(1400 * MIB, firmware, recovery=True), lambda _: None)
    record = resized(disk, target, 1800 * MIB)
    before, after = (taken_apart(one, tmp_path / one.stem) for one in (disk, target))
    old, new = before.rows[-1], after.rows[-1]
    assert new["start"] > old["start"]
    assert {**new, "start": 0, "node": ""} == {**old, "start": 0, "node": ""}
    # Both have the same files; only what knows the place differs.
    assert oracle.volume(after.files[-1]) == oracle.volume(before.files[-1])
    judge(after.files[-1])
    judge(after.files[-2])
    with after.files[-1].open("rb") as volume_file:
        boot_sector = volume_file.read(512)
    assert int.from_bytes(boot_sector[0x1C:0x20], "little") == new["start"]
    agent = r"Windows\System32\Recovery\ReAgent.xml"
    volume = oracle.volume(after.files[-2])
    text = volume[agent].streams[""].decode()
    assert f'offset="{new["start"] * 512}"' in text
    assert f'offset="{old["start"] * 512}"' not in text
    differing = {
        name for name, entry in oracle.volume(before.files[-2]).items() if volume[name] != entry
    }
    assert differing == {agent}
    targets = [change["target"] for change in record["changes"]]
    if firmware is Firmware.UEFI:
        assert targets == [agent]
        return
    # On an MBR disk the store names partitions by their first byte.
    store = oracle.volume(after.files[0])[r"Boot\BCD"].streams[""]
    data = b"".join(value[1] for values in agreed(store).values() for value in values.values())
    assert (new["start"] * 512).to_bytes(8, "little") in data
    assert (old["start"] * 512).to_bytes(8, "little") not in data
    assert len(targets) == 4
    assert "reseal: stand-in for bootmgr" in bios(target)


def test_a_volume_without_a_partition_table_grows(tmp_path: Path) -> None:
    source, target = tmp_path / "source.qcow2", tmp_path / "target.raw"
    windows(source, Machine(), partitioned=False)
    resized(source, target, 300 * MIB)
    assert target.stat().st_size == 300 * MIB
    judge(target)


@pytest.fixture
def crowded(tmp_path: Path) -> Path:
    """Windows with a data partition behind it."""
    image, raw, disk = (tmp_path / name for name in ("image.qcow2", "raw", "disk"))
    windows(image, Machine(), partitioned=False)
    subprocess.run(["qemu-img", "convert", "-O", "raw", image, raw], check=True)
    gpt_disk(disk, [(raw, BASIC_DATA, "Windows"), (MIB, RECOVERY, "x"), (MIB, BASIC_DATA, "Data")])
    folder = tmp_path / "image"
    folder.mkdir()
    return convert(disk, folder / "crowded.qcow2", "qcow2")


def test_other_partitions_are_not_moved(crowded: Path) -> None:
    with pytest.raises(CheckError, match=r"partition 3 of .* is in the way") as raised:
        resized(crowded, crowded.with_name("target.qcow2"), GIB)
    assert "Move or delete it" in (raised.value.hint or "")
    assert [one.name for one in crowded.parent.iterdir()] == [crowded.name]


def test_a_disk_that_is_not_larger_is_refused(crowded: Path) -> None:
    with pytest.raises(UsageError, match="not larger"):
        resized(crowded, crowded.with_name("target.qcow2"), 64 * MIB)
    assert [one.name for one in crowded.parent.iterdir()] == [crowded.name]


def test_a_disk_without_windows_is_refused(tmp_path: Path) -> None:
    disk = gpt_disk(tmp_path / "disk.raw", [(4 * MIB, BASIC_DATA, "Data")])
    with pytest.raises(ImageError, match="no Windows"):
        resized(disk, tmp_path / "target.qcow2", GIB)
    assert [one.name for one in tmp_path.iterdir()] == [disk.name]
