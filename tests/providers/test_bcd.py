"""The provider `bcd`: what it does to the store of a machine with one Windows, and with several."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from reseal.bcd import objects
from reseal.bcd.devices import Boot, Device, DeviceValue, GptPartition, Locate, MbrPartition
from reseal.disk import FileDevice
from reseal.errors import ImageError
from reseal.providers.plugins import own
from reseal.run import boot_stores
from reseal.session import Neighbours, Session
from reseal.session.boot_store import BootStore
from reseal.testing import boot, disks
from reseal.testing.fat import fat_volume
from reseal.testing.machine import Machine
from reseal.testing.windows import EFI_SIZE, MEBIBYTE
from tests import oracles
from tests.builders import session

#: The disk of the tests: an EFI system partition (1) and the volume of the sample Windows (2).
SYSTEM = GptPartition(disks.partition_id(1, "EFI"), disks.disk_id(Path("disk")))
OWN = GptPartition(disks.partition_id(2, "Windows"), disks.disk_id(Path("disk")))
GONE = GptPartition(UUID(int=7), UUID(int=8))
OTHER = GptPartition(UUID(int=7), OWN.disk)
SECOND = UUID("00000000-1111-2222-3333-444444444444")
APPLICATION, OS = 0x11000001, 0x21000001
Make = Callable[..., tuple[Session, BootStore]]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a session on a machine in memory whose disk has a store with these objects."""

    def made(
        contents: boot.Objects, machine: Machine | None = None, **options: Any
    ) -> tuple[Session, BootStore]:
        tree = {"EFI": {"Microsoft": {"Boot": {"BCD": boot.store(contents)}}}}
        efi = fat_volume(tmp_path / "efi", EFI_SIZE, tree)
        disk = tmp_path / "disk"
        disks.gpt_disk(disk, [(efi, disks.EFI_SYSTEM, "EFI"),
                              (MEBIBYTE, disks.BASIC_DATA, "Windows")])  # fmt: skip
        found = boot_stores.find(FileDevice(disk), "disk")
        facts: dict[str, Any] = {"boot_stores": lambda: found}
        one = session(machine, **(facts | options))
        one.installation.volume = 2
        return one, found[0]

    return made


def standard(own: Device = OWN) -> dict[UUID, tuple[int, dict[int, Any]]]:
    return boot.standard_objects(SYSTEM, own, uefi=True)


def run(one: Session) -> dict[str, tuple[object, object]]:
    """Run the provider; returns what was before and after, by target."""
    next(each for each in own() if each.id == "bcd")(one)
    one.verify()
    assert {change.provider for change in one.changes} <= {"bcd"}
    return {
        change.target.partition(": ")[2]: (change.before, change.after) for change in one.changes
    }


def test_partitions_that_a_copy_of_the_disk_has_too_stay(make: Make) -> None:
    one, store = make(standard())
    before = oracles.hivex(store._data)
    assert run(one) == {"{default} detecthal": (None, "Yes")}
    after = oracles.hivex(store.store.hive.to_bytes())
    (new,) = after.keys() - before.keys()
    assert new == f"Objects\\{{{boot.LOADER}}}\\Elements\\26000010"
    assert after[new] == {"Element": (3, b"\1")}
    assert {path: after[path] for path in before} == before
    assert any("keep their partitions" in note for note in one.notes)
    assert one.edited_boot_stores == [store]


def test_a_windows_whose_partition_is_gone_is_located(make: Make) -> None:
    one, store = make(standard(GONE))
    gone = "partition={" + str(GONE.partition) + "}@{" + str(GONE.disk) + "}"
    resume = f"{{{boot.RESUME}}}"
    assert run(one) == {
        "{default} detecthal": (None, "Yes"),
        "{default} device": (gone, r"locate=\Windows\system32\winload.efi"),
        "{default} osdevice": (gone, r"locate=\Windows"),
        f"{resume} device": (gone, r"locate=\Windows\system32\winresume.efi"),
        f"{resume} filedevice": (gone, r"locate=\hiberfil.sys"),
    }
    loader = store.store.find("{default}")
    assert loader.value(APPLICATION) == DeviceValue(Locate(0x12000002))
    assert loader.value(OS) == DeviceValue(Locate(0x22000002))
    for alias in ("{bootmgr}", "{memdiag}"):
        assert store.store.find(alias).value(APPLICATION) == DeviceValue(SYSTEM)


def test_all_devices_of_this_windows_are_located_on_request(make: Make) -> None:
    one, store = make(standard(), switches=frozenset({"locate-boot-devices"}))
    assert len(run(one)) == 5
    assert store.store.find("{default}").value(OS) == DeviceValue(Locate(0x22000002))
    assert not any("keep their partitions" in note for note in one.notes)


@pytest.mark.parametrize("own", [OWN, GONE])
def test_nothing_is_located_where_the_image_may_hold_another_windows(
    make: Make, own: GptPartition
) -> None:
    one, store = make(
        standard(own),
        neighbours=Neighbours(damaged_volumes=1),
        switches=frozenset({"locate-boot-devices"}),
    )
    changes = run(one)
    loader = store.store.find("{default}")
    assert loader.value(OS) == DeviceValue(own)
    if own is OWN:
        assert changes == {"{default} detecthal": (None, "Yes")}
        assert any("may hold another Windows" in note for note in one.notes)
    else:
        # Whose entry it is can't be told.
        assert changes == {}
        assert any("no entry starts this Windows" in note for note in one.notes)


def test_the_boot_manager_of_vista_locates_nothing(make: Make) -> None:
    one, _ = make(standard(GONE), Machine(build=6002))
    assert run(one) == {"{default} detecthal": (None, "Yes")}
    assert any("may not know located devices" in note for note in one.notes)


def test_entries_of_others_stay(make: Make) -> None:
    contents = standard()
    kind, loader = contents[boot.LOADER]
    others: dict[UUID, tuple[int, dict[int, Any]]] = {
        # Another Windows on another disk, another folder, another partition; the recovery environment.
        UUID(int=1): (kind, loader | {APPLICATION: DeviceValue(SYSTEM), OS: DeviceValue(SYSTEM)}),
        UUID(int=2): (kind, loader | {0x22000002: r"\Windows.old"}),
        UUID(int=3): (kind, loader | {0x26000022: True}),
        UUID(int=4): (objects.BOOT_SECTOR, {APPLICATION: DeviceValue(OWN)}),
        UUID(int=5): (kind, {0x22000002: r"\Windows"}),
    }
    one, _ = make(contents | others)
    assert run(one) == {"{default} detecthal": (None, "Yes")}


@pytest.mark.parametrize("device", [Locate(0x22000002), Locate(path=r"\Windows")])
def test_what_is_located_already_stays(make: Make, device: Device) -> None:
    contents = standard()
    contents[boot.LOADER][1][OS] = DeviceValue(device)
    contents[boot.LOADER][1][APPLICATION] = DeviceValue(device)
    contents[boot.RESUME][1][APPLICATION] = DeviceValue(Boot())
    one, _ = make(contents)
    assert run(one) == {"{default} detecthal": (None, "Yes")}
    assert run(one) == {"{default} detecthal": (None, "Yes")}
    assert len(one.changes) == 1


def test_a_loader_on_the_volume_that_it_boots_from(make: Make) -> None:
    contents = standard()
    contents[boot.LOADER][1][OS] = DeviceValue(Boot())
    one, _ = make(contents)
    one.installation.volume = 1
    assert run(one) == {"{default} detecthal": (None, "Yes")}


def test_an_mbr_partition_is_known_by_its_place_and_signature(make: Make) -> None:
    one, store = make(standard(MbrPartition(MEBIBYTE, 1)))
    store.places[MbrPartition(MEBIBYTE, 1)] = 2
    assert run(one) == {"{default} detecthal": (None, "Yes")}


def test_without_a_store_there_is_a_note() -> None:
    one = session()
    assert run(one) == {}
    assert any("no boot configuration data" in note for note in one.notes)
    assert one.edited_boot_stores == []


def test_a_store_that_is_damaged_stays_as_it_is(make: Make) -> None:
    one, store = make(standard())
    store._data = b"regf" + bytes(5000)
    assert run(one) == {}
    assert any("left as it is" in note for note in one.notes)

    def broken() -> list[BootStore]:
        raise ImageError("the EFI system partition is damaged")

    another = session(boot_stores=broken)
    assert run(another) == {}
    assert another.edited_boot_stores == []
