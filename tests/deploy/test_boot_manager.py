"""Which boot manager a disk gets when the image has two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reseal.deploy import boot_files, boot_manager
from reseal.deploy.layout import Firmware
from reseal.disk import FileDevice
from reseal.disk.partitions import volumes
from reseal.errors import ImageError, UsageError
from reseal.operations.deploy import DeployRequest, deploy
from reseal.testing.disks import BASIC_DATA, EFI_SYSTEM, gpt_disk
from reseal.testing.fat import fat_volume
from reseal.testing.firmware import efi_manager
from reseal.windows import Installation
from tests.deploy.test_boot_files import boot, installation
from tests.rehearsal.signing import signed

OLD, NEW = efi_manager("PCA 2011"), efi_manager("UEFI CA 2023")
BOTH = boot(EFI={"bootmgfw.efi": OLD}, EFI_EX={"bootmgfw_EX.efi": NEW, "bootmgr_EX.efi": NEW})
ONLY_OLD = boot(EFI={"bootmgfw.efi": OLD})


def servicing(**values: Any) -> dict[str, Any]:
    return {"ControlSet001": {"Control": {"SecureBoot": {"Servicing": values}}}}


def image(files: dict[str, Any] | None = None, **values: Any) -> Installation:
    return installation(BOTH if files is None else files, system=servicing(**values))


@pytest.mark.parametrize(
    ("values", "found", "asked", "family", "note"),
    [
        ({}, None, None, "2011", "nothing says"),
        ({}, "2011", None, "2011", "the system partition has this one"),
        ({}, "2023", None, "2023", "the system partition has this one"),
        ({"UEFICA2023Status": "Updated"}, None, None, "2023", "UEFICA2023Status is Updated"),
        ({"UEFICA2023Status": "UPDATED"}, None, None, "2023", "UEFICA2023Status is Updated"),
        ({"UEFICA2023Status": "InProgress"}, None, None, "2011", "nothing says"),
        ({"UEFICA2023Status": 1}, None, None, "2011", "nothing says"),
        ({"UEFICA2023Status": b"\xff\xff"}, None, None, "2011", "nothing says"),
        ({"WindowsUEFICA2023Capable": 2}, None, None, "2023", "Capable is 2"),
        ({"WindowsUEFICA2023Capable": 1}, None, None, "2011", "nothing says"),
        # The system partition is what started it; the registry may be older.
        ({"UEFICA2023Status": "Updated"}, "2011", None, "2011", "the system partition has"),
        ({"UEFICA2023Status": "Updated"}, None, "2011", "2011", None),
        ({}, None, "2023", "2023", None),
    ],
)
def test_the_boot_manager_that_started_this_windows_is_kept(
    values: dict[str, Any], found: str | None, asked: str | None, family: str, note: str | None
) -> None:
    chosen = boot_manager.choose(image(**values), asked=asked, found=found)
    assert chosen.family == family
    notes = " ".join(chosen.notes)
    if note is None:
        assert notes == ""
    else:
        assert note in notes
        other = {"2011": "2023", "2023": "2011"}[family]
        assert f"--boot-files {other}" in notes
        assert boot_files.AUTHORITIES[other] in notes


def test_an_image_with_one_boot_manager_says_nothing() -> None:
    assert list(boot_manager.choose(image(ONLY_OLD), asked=None, found=None).notes) == []


@pytest.mark.parametrize("more", [ONLY_OLD, boot(EFI_EX={"bootmgr_EX.efi": NEW}),
                                  boot(EFI_EX={"bootmgfw_EX.efi": {}})])  # fmt: skip
def test_an_image_that_lacks_the_one_of_2023_says_so(more: dict[str, Any]) -> None:
    windows = image(more, UEFICA2023Status="Updated")
    chosen = boot_manager.choose(windows, asked=None, found=None)
    assert chosen.family == "2011"
    (note,) = chosen.notes
    assert "although Windows says" in note
    assert "does not start it" in note
    with pytest.raises(ImageError, match="no boot manager that is signed by Windows UEFI CA 2023"):
        boot_files.collect(windows, Firmware.UEFI, family="2023")


@pytest.mark.parametrize(
    ("files", "family"),
    [
        ({"Microsoft": {"Boot": {"bootmgfw.efi": OLD}}}, "2011"),
        ({"Microsoft": {"Boot": {"bootmgfw.efi": NEW}}}, "2023"),
        ({"Boot": {"bootx64.efi": NEW}}, "2023"),
        # A newer one than the image's own, as servicing leaves it.
        ({"Boot": {"bootx64.efi": signed(efi_manager("newer"), boot_files.AUTHORITIES["2023"])}}, "2023"),
        ({"Boot": {"bootx64.efi": signed(efi_manager("newer"), boot_files.AUTHORITIES["2011"])}}, "2011"),
        ({"Boot": {"bootx64.efi": signed(efi_manager("shim"), "Microsoft UEFI CA 2023")}}, None),
        ({"Boot": {"bootx64.efi": efi_manager("Windows UEFI CA 2023")}}, None),
        ({"Boot": {"bootx64.efi": b""}}, None),
        ({"Boot": {"bootx64.efi": b"MZ"}}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_the_boot_manager_of_a_disk_is_recognized(
    tmp_path: Path, files: dict[str, Any], family: str | None
) -> None:
    disk = tmp_path / "disk"
    esp = fat_volume(tmp_path / "esp", 36 << 20, {"EFI": files})
    gpt_disk(disk, [(esp, EFI_SYSTEM, "EFI"), (1 << 20, BASIC_DATA, "Windows")])
    device = FileDevice(disk)
    try:
        assert boot_manager.of_disk(device, volumes(device), image()) == family
    finally:
        device.close()


def test_a_system_partition_that_is_not_fat_tells_nothing(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    gpt_disk(disk, [(36 << 20, EFI_SYSTEM, "EFI")])
    device = FileDevice(disk)
    try:
        assert boot_manager.of_disk(device, volumes(device), image()) is None
    finally:
        device.close()


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (DeployRequest(size="1G", firmware="uefi", boot_files="2019"), "2019 is not known"),
        (DeployRequest(size="1G", firmware="bios", boot_files="2023"), "boot manager of UEFI"),
        (DeployRequest(size="1G", resize=True, boot_files="2023"), "keeps the layout"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(
    tmp_path: Path, request_: DeployRequest, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        deploy(tmp_path / "image.qcow2", tmp_path / "disk.qcow2", request_)
