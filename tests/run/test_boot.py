"""The boot store of an image: found, shown and changed where it lies, in every layout."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from reseal.bcd import Store, delete_element, set_element
from reseal.bcd.devices import GptPartition, MbrPartition
from reseal.disk import FileDevice
from reseal.disk.partitions import volumes
from reseal.errors import ImageError, UsageError
from reseal.regf import Hive
from reseal.run import RunOptions, boot, boot_stores
from reseal.testing import disks
from reseal.testing.boot import boot_store as sample_store
from reseal.testing.fat import FatTree, fat_volume
from reseal.testing.windows import EFI_SIZE, MEBIBYTE, SYSTEM_SIZE, uefi_partitions, windows
from tests import oracles
from tests.bcd.stores import dirty
from tests.fat.test_volume import judge as judge_fat
from tests.fat.test_volume import mtools

BCD = r"EFI\Microsoft\Boot\BCD"
LAYOUTS: dict[str, dict[str, Any]] = {
    "uefi": {"firmware": "uefi"},
    "bios": {"firmware": "bios"},
    "bios-one-partition": {"firmware": "bios", "system_partition": False},
}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An image of each layout, to be copied."""
    folder = tmp_path_factory.mktemp("images")
    for name, options in LAYOUTS.items():
        windows(folder / f"{name}.qcow2", size=48 * MEBIBYTE, **options)
    return {name: folder / f"{name}.qcow2" for name in LAYOUTS}


@pytest.fixture(params=list(LAYOUTS))
def image(images: dict[str, Path], request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copy(images[request.param], tmp_path / "image.qcow2"))


def raw(image: Path) -> Path:
    """The disk in an image."""
    disk = image.with_suffix(".disk")
    subprocess.run(["qemu-img", "convert", "-O", "raw", image, disk], check=True)
    return disk


def volume(image: Path, number: int) -> Path:
    """One volume of an image, in a file of its own."""
    disk = raw(image)
    device = FileDevice(disk)
    place = next(one for one in volumes(device) if one.number == number)
    inner = image.with_suffix(".volume")
    inner.write_bytes(device.read(place.offset, place.size))
    device.close()
    disk.unlink()
    return inner


def stored(image: Path) -> bytes:
    """The store of an image, as mtools or ntfscat reads it; the volume is judged as well."""
    inner = volume(image, 1)
    if inner.stat().st_size == EFI_SIZE:
        judge_fat(inner)
        return mtools(inner, BCD)
    fixed = subprocess.run(["ntfsfix", "--no-action", inner], capture_output=True, check=False)
    assert fixed.returncode == 0, fixed.stdout
    command = ["ntfscat", str(inner), "Boot/BCD"]
    return subprocess.run(command, capture_output=True, check=True).stdout


def edit(identifier: str, element: str, value: str) -> boot.StoreJob:
    return lambda store, places: set_element(store, places, identifier, element, value)


def shown(image: Path) -> list[dict[str, Any]]:
    record = boot.read(image, lambda store, _: {"objects": len(list(store))})
    return list(record["stores"])


def test_the_store_is_found_where_the_firmware_looks(images: dict[str, Path]) -> None:
    facts = {name: shown(image) for name, image in images.items()}
    assert facts == {
        "uefi": [{"path": BCD, "volume": 1, "file_system": "FAT", "firmware": "uefi",
                  "objects": 11}],
        "bios": [{"path": r"Boot\BCD", "volume": 1, "file_system": "NTFS", "firmware": "bios",
                  "objects": 11}],
        "bios-one-partition": [{"path": r"Boot\BCD", "volume": 1, "file_system": "NTFS",
                                "firmware": "bios", "objects": 11}],
    }  # fmt: skip


def test_an_element_is_set_and_everything_else_stays(image: Path) -> None:
    before = oracles.hivex(stored(image))
    steps: list[str] = []
    record = boot.change(
        image, edit("{default}", "detecthal", "yes"), RunOptions(),
        lambda message: steps.extend([str(message["step"])] if "step" in message else []),
    )  # fmt: skip
    assert record["changed"]
    assert record["written"]
    assert record["before"] is None
    assert record["after"] == ["Yes"]
    assert steps == ["Writing", "Merging"]
    data = stored(image)
    for reader, oracle in oracles.ORACLES.items():
        after = oracle(data)
        (new,) = after.keys() - before.keys()
        assert new.endswith(r"\Elements\26000010"), reader
        assert {path: after[path] for path in before} == before, reader


def test_a_partition_is_named_by_its_number_in_the_image(image: Path) -> None:
    boot.change(image, edit("{default}", "osdevice", "partition=1"), RunOptions())
    store = Store(Hive.open(stored(image)))
    element = store.find("{default}").element(0x21000001)
    manager = store.find("{bootmgr}").element(0x11000001)
    assert element
    assert manager
    assert element.data == manager.data
    with pytest.raises(UsageError, match="7 is not a partition"):
        boot.change(image, edit("{default}", "osdevice", "partition=7"), RunOptions())


def test_a_store_that_grows_is_written_whole(image: Path) -> None:
    size = len(stored(image))
    text = "W" * 30_000
    boot.change(image, edit("{default}", "description", text), RunOptions())
    data = stored(image)
    assert len(data) > size + 50_000
    for reader, oracle in oracles.ORACLES.items():
        values = [v["Element"][1] for p, v in oracle(data).items() if p.endswith("12000004")]
        assert (text + "\0").encode("utf-16-le") in values, reader
    boot.change(image, edit("{default}", "description", "Windows 10"), RunOptions())
    assert Store(Hive.open(stored(image))).hive.verify() == []


def test_deleting_and_setting_what_is_there_already(image: Path) -> None:
    gone = boot.change(
        image, lambda store, places: delete_element(store, places, "{default}", "nx"), RunOptions()
    )
    assert (gone["before"], gone["after"], gone["written"]) == (["OptIn"], None, True)
    before = image.read_bytes()
    again = boot.change(
        image, lambda store, places: delete_element(store, places, "{default}", "nx"), RunOptions()
    )
    assert (again["changed"], again["written"]) == (False, False)
    same = boot.change(image, edit("{bootmgr}", "timeout", "30"), RunOptions())
    assert (same["changed"], same["written"]) == (False, False)
    assert image.read_bytes() == before


def test_a_dry_run_and_an_error_leave_the_image_byte_for_byte(image: Path) -> None:
    before = image.read_bytes()
    record = boot.change(image, edit("{default}", "nx", "optout"), RunOptions(dry_run=True))
    assert record["after"] == ["OptOut"]
    assert not record["written"]
    with pytest.raises(UsageError):
        boot.change(image, edit("{nobody}", "nx", "optout"), RunOptions())
    with pytest.raises(UsageError, match="several boot stores"):
        boot.change(image, edit("{default}", "nx", "optout"), RunOptions(volume="2"))
    assert image.read_bytes() == before
    assert sorted(path.name for path in image.parent.iterdir()) == ["image.qcow2"]


def test_the_output_may_be_another_image(images: dict[str, Path], tmp_path: Path) -> None:
    image = Path(shutil.copy(images["uefi"], tmp_path / "image.qcow2"))
    before = image.read_bytes()
    output = tmp_path / "new.vhdx"
    boot.change(image, edit("{default}", "nx", "optout"), RunOptions(output=output))
    assert image.read_bytes() == before
    values = oracles.hivex(stored(output))
    assert b"\1" + bytes(7) in [v["Element"][1] for p, v in values.items() if "25000020" in p]


def test_a_store_with_logs_is_recovered_and_its_logs_are_emptied(tmp_path: Path) -> None:
    disk = tmp_path / "disk.raw"
    clean = sample_store(*uefi_partitions(disk), uefi=True)
    newer = Store(Hive.open(clean))
    newer.find("{default}").set(0x12000004, "Renamed 10")
    primary, log = dirty(clean, newer.hive.to_bytes())
    folder = {"BCD": primary, "BCD.LOG1": log, "BCD.LOG2": b"", "BCD.LOG": b"stale"}
    tree = {"EFI": {"Microsoft": {"Boot": folder}}}
    efi = fat_volume(tmp_path / "efi", EFI_SIZE, tree)
    disks.gpt_disk(disk, [(efi, disks.EFI_SYSTEM, "EFI system partition")])
    boot.change(disk, edit("{default}", "detecthal", "yes"), RunOptions())
    inner = volume(disk, 1)
    judge_fat(inner)
    assert mtools(inner, BCD + ".LOG1") == b""
    assert mtools(inner, BCD + ".LOG") == b""
    names = oracles.hivex(mtools(inner, BCD))
    texts = [v["Element"][1] for p, v in names.items() if p.endswith("12000004")]
    assert "Renamed 10\0".encode("utf-16-le") in texts


def test_an_image_without_windows_has_a_store_all_the_same(tmp_path: Path) -> None:
    disk = tmp_path / "disk.raw"
    part = GptPartition(UUID(int=1), UUID(int=2))
    tree = {"EFI": {"Microsoft": {"Boot": {"BCD": sample_store(part, part, uefi=True)}}}}
    efi = fat_volume(tmp_path / "efi", EFI_SIZE, tree)
    disks.gpt_disk(disk, [(efi, disks.EFI_SYSTEM, "EFI system partition"),
                          (8 * MEBIBYTE, disks.BASIC_DATA, "encrypted")])  # fmt: skip
    assert [one["volume"] for one in shown(disk)] == [1]


def test_what_is_left_over_on_other_volumes_does_not_count(tmp_path: Path) -> None:
    """An old \\Boot\\BCD on a volume that is not active, and one on the EFI system partition."""
    part = MbrPartition(MEBIBYTE, 7)
    old = sample_store(part, part, uefi=False)
    uefi: FatTree = {"EFI": {"Microsoft": {"Boot": {"BCD": old}}}}
    bios: FatTree = {"Boot": {"BCD": old}}
    efi = fat_volume(tmp_path / "efi", EFI_SIZE, uefi)
    other = fat_volume(tmp_path / "other", EFI_SIZE, bios)
    disk = tmp_path / "disk.raw"
    disks.gpt_disk(disk, [(other, disks.BASIC_DATA, "data"), (efi, disks.EFI_SYSTEM, "EFI")])
    assert [(one["path"], one["volume"]) for one in shown(disk)] == [(BCD, 2)]
    disks.gpt_disk(disk, [(other, disks.BASIC_DATA, "data")])
    assert [(one["path"], one["volume"]) for one in shown(disk)] == [(r"Boot\BCD", 1)]
    both = fat_volume(tmp_path / "both", EFI_SIZE, {**uefi, **bios})
    disks.mbr_disk(disk, [(both, 0x0C)])
    assert [one["firmware"] for one in shown(disk)] == ["uefi", "bios"]
    with pytest.raises(UsageError, match="several boot stores"):
        boot.change(disk, edit("{default}", "nx", "optout"), RunOptions())
    assert boot.change(disk, edit("{default}", "nx", "optout"), RunOptions(volume="bios"))[
        "written"
    ]


def test_what_has_no_store_is_refused(images: dict[str, Path], tmp_path: Path) -> None:
    plain = tmp_path / "plain.qcow2"
    windows(plain, size=48 * MEBIBYTE)
    with pytest.raises(ImageError, match="no boot configuration data"):
        shown(plain)
    with pytest.raises(UsageError, match="is a folder"):
        shown(tmp_path)
    damaged = tmp_path / "damaged.raw"
    efi = fat_volume(tmp_path / "efi", EFI_SIZE,
                     {"EFI": {"Microsoft": {"Boot": {"BCD": b"regf" + bytes(8000)}}}})  # fmt: skip
    disks.gpt_disk(damaged, [(efi, disks.EFI_SYSTEM, "EFI system partition")])
    with pytest.raises(ImageError, match="BCD on volume 1"):
        shown(damaged)


def test_a_store_in_a_file_is_edited_in_place(tmp_path: Path) -> None:
    part = GptPartition(UUID(int=1), UUID(int=2))
    clean = sample_store(part, part, uefi=True)
    newer = Store(Hive.open(clean))
    newer.find("{default}").set(0x12000004, "Renamed 10")
    primary, log = dirty(clean, newer.hive.to_bytes())
    store = tmp_path / "BCD"
    store.write_bytes(primary)
    store.chmod(0o640)
    (tmp_path / "BCD.LOG1").write_bytes(log)
    dry = boot.change(store, edit("{default}", "nx", "optout"), RunOptions(dry_run=True))
    assert dry["after"] == ["OptOut"]
    assert store.read_bytes() == primary
    boot.change(store, edit("{default}", "nx", "optout"), RunOptions())
    assert store.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "BCD.LOG1").read_bytes() == b""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["BCD", "BCD.LOG1"]
    tree = oracles.ORACLES["dissect.regf"](store.read_bytes())
    texts = [v["Element"][1] for p, v in tree.items() if p.endswith("12000004")]
    assert "Renamed 10\0".encode("utf-16-le") in texts
    with pytest.raises(UsageError, match="is a store file"):
        boot.change(store, edit("{default}", "nx", "optout"), RunOptions(output=tmp_path / "x"))


def test_places_name_every_partition(images: dict[str, Path]) -> None:
    disk = raw(images["bios"])
    device = FileDevice(disk)
    (found,) = boot_stores.find(device, "image")
    assert found.places == {
        MbrPartition(MEBIBYTE, disks.SIGNATURE): 1,
        MbrPartition(MEBIBYTE + SYSTEM_SIZE, disks.SIGNATURE): 2,
    }
    disk.unlink()
