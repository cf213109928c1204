"""`reseal boot --repair` on whole disks: dry runs, new images, families of boot managers, and refusals."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from reseal.deploy.boot_files import AUTHORITIES
from reseal.disk import FileDevice
from reseal.disk.memory import MemoryOverlay
from reseal.errors import CheckError, ImageError, UsageError
from reseal.fat import FatVolume
from reseal.operations import Writing
from reseal.operations.repair import repair
from reseal.testing.firmware import efi_manager
from reseal.testing.windows import EFI_SIZE, MEBIBYTE
from tests.rehearsal.cases import CASES
from tests.rehearsal.samples import disk, healthy
from tests.rehearsal.signing import signed
from tests.report.test_schema import validator

__all__ = ["validator"]

FALLBACK, MANAGER = r"EFI\Boot\bootx64.efi", r"EFI\Microsoft\Boot\bootmgfw.efi"
OLD, NEW = (signed(efi_manager(year), name) for year, name in AUTHORITIES.items())


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw disk without a fallback loader, whose Windows has boot managers of both families."""
    files = {"Windows": {"Boot": {
        "EFI": {"bootmgfw.efi": OLD, "bootmgr.efi": OLD},
        "EFI_EX": {"bootmgfw_EX.efi": NEW, "bootmgr_EX.efi": NEW},
    }}}  # fmt: skip
    path = disk(tmp_path_factory.mktemp("disk"), healthy(files))
    case = next(one for one in CASES if one.id == "no-fallback")
    assert case.disk
    case.disk(path)
    return path


@pytest.fixture
def image(broken: Path, tmp_path: Path) -> Path:
    return shutil.copyfile(broken, tmp_path / "image.raw")


def on_system(image: Path, path: str) -> bytes:
    """Read a file of the EFI system partition."""
    device = FileDevice(image)
    try:
        data = device.read(MEBIBYTE, EFI_SIZE)
    finally:
        device.close()
    copy = image.with_name("system")
    copy.write_bytes(data)
    volume = FatVolume.open(FileDevice(copy), name="system")
    assert volume.stat(path)
    return volume.read(path)


def test_a_dry_run_says_what_a_run_does_and_writes_nothing(image: Path, validator: Any) -> None:
    before = image.read_bytes()
    tried = repair(image, Writing(dry_run=True))
    assert image.read_bytes() == before
    assert tried["result"] == "dry run"
    done = repair(image, Writing())
    assert done["changes"] == tried["changes"]
    assert done["result"] == "changed"
    assert on_system(image, FALLBACK) == on_system(image, MANAGER) == OLD
    validator.validate(json.loads(json.dumps(done)))
    assert {**tried, "image": None}.keys() == {**done, "image": None}.keys()


@pytest.mark.parametrize(("family", "manager"), [("2011", OLD), ("2023", NEW)])
def test_the_family_is_chosen(image: Path, tmp_path: Path, family: str, manager: bytes) -> None:
    before, output = image.read_bytes(), tmp_path / "new.raw"
    writing = Writing(output=output, machine="kvm-sata")
    record: dict[str, Any] = dict(repair(image, writing, family=family))
    assert image.read_bytes() == before
    assert on_system(output, FALLBACK) == on_system(output, MANAGER) == manager
    assert record["notes"] == []
    rehearsed = record["rehearsal"]
    assert (rehearsed["machine"], rehearsed["verdict"]) == ("kvm-sata", "passes")


def test_a_family_that_the_image_does_not_have(tmp_path: Path) -> None:
    """Boot\\EFI of a Windows whose boot manager was replaced by one of the family 2023."""
    path = disk(tmp_path, healthy({"Windows": {"Boot": {"EFI": {"bootmgfw.efi": NEW}}}}))
    before = path.read_bytes()
    with pytest.raises(ImageError, match="not of the family 2011"):
        repair(path, Writing(), family="2011")
    with pytest.raises(ImageError, match="has no boot manager that is signed by"):
        repair(path, Writing(), family="2023")
    assert path.read_bytes() == before


def test_a_rehearsal_that_has_to_pass(image: Path) -> None:
    before = image.read_bytes()
    with pytest.raises(CheckError, match="stage storage"):
        repair(image, Writing(machine="kvm-virtio", require_rehearsal=True))
    assert image.read_bytes() == before
    assert "rehearsal" not in repair(image, Writing(dry_run=True, no_rehearsal=True))


@pytest.mark.parametrize(
    "writing",
    [
        Writing(decrypt=True, dry_run=True), Writing(index=1), Writing(discard_hibernation=True),
        Writing(machine="pdp-11"), Writing(machine="kvm-sata", no_rehearsal=True),
    ],
)  # fmt: skip
def test_options_without_an_effect_are_refused(tmp_path: Path, writing: Writing) -> None:
    with pytest.raises(UsageError):
        repair(tmp_path / "none.qcow2", writing)
    with pytest.raises(UsageError, match="not known"):
        repair(tmp_path / "none.qcow2", Writing(), family="1999")


def test_an_overlay_keeps_writes_to_itself(tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(bytes(200_000))
    below = FileDevice(tmp_path / "disk", read_only=False)
    overlay = MemoryOverlay(below)
    overlay.write(65_530, b"across the blocks")
    overlay.write(199_990, b"0123456789")
    overlay.flush()
    assert overlay.read(65_528, 21) == b"\0\0across the blocks\0\0"
    assert overlay.read(199_989, 11) == b"\x000123456789"
    assert overlay.read(0, 200_000).count(b"\0") == 200_000 - 27
    assert not any(below.read(0, 200_000))
    overlay.close()
    assert not any(overlay.read(0, 200_000))
