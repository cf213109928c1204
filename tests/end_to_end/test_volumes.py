"""Machines with a second volume: what is changed there, what is left and named."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from reseal.disk import FileDevice, Slice
from reseal.disk.partitions import volumes
from reseal.ntfs import Volume, secure
from reseal.testing import real
from reseal.testing.machine import SAMPLE_SID, Machine
from tests.end_to_end import judges
from tests.oracles import hivex

NUMBERS = SAMPLE_SID.to_bytes()[8:]
OTHER = b"somebody else's"


@dataclass(frozen=True)
class Disk:
    """What is on a raw disk now."""

    path: Path

    def volume(self, number: int) -> Volume:
        device = FileDevice(self.path, read_only=True)
        (place,) = [one for one in volumes(device) if one.number == number]
        part = Slice(device, place.offset, place.size)
        return Volume.open(part, read_only=True, name=str(number))

    def descriptors_with_the_sid(self, number: int) -> int:
        with self.volume(number) as volume:
            found = secure.descriptors(volume.device, "volume").values()
        return sum(NUMBERS in one for one in found)

    def has(self, number: int, path: str) -> bool:
        with self.volume(number) as volume:
            return volume.stat(path) is not None

    def read(self, number: int, path: str) -> bytes:
        with self.volume(number) as volume:
            return volume.read(path)


def said(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join((done.stdout + done.stderr).split())


@pytest.fixture(scope="module", params=["uefi", "bios"])
def golden(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("two") / f"{request.param}.raw"
    # A folder of the same path as the profile on D:, of another person.
    files = {"Users": {real.CAROL: {"NTUSER.DAT": b"", "hers.txt": OTHER}}}
    accounts = {"SAM": {"Domains": {"Account": {"Users": {
        "000003EB": {"F": bytes(80), "V": _account(real.CAROL)},
        "Names": {real.CAROL: {"": (real.CAROL_RID, b"")}},
    }}}}}  # fmt: skip
    real.machine(path, Machine(files=files, sam=accounts), firmware=request.param)
    return path


def _account(name: str) -> bytes:
    """The value V of an account without a password: 17 entries, of which the second is its name."""
    text = name.encode("utf-16-le")
    entries = [bytes(12)] * 17
    entries[1] = b"".join(one.to_bytes(4, "little") for one in (0, len(text), 0))
    return b"".join(entries) + text


@pytest.fixture
def disk(golden: Path, tmp_path: Path) -> Disk:
    path = tmp_path / "disk.raw"
    shutil.copyfile(golden, path)
    return Disk(path)


@pytest.fixture
def numbers(golden: Path) -> tuple[int, int]:
    return (3, 4) if golden.stem == "uefi" else (2, 3)


def test_removing_an_account_deletes_the_profile_that_it_has(
    disk: Disk, numbers: tuple[int, int]
) -> None:
    own, data = numbers
    done = judges.reseal("customize", disk.path, "--remove-user", real.CAROL, "--quiet")
    assert done.returncode == 0, done.stderr
    assert disk.read(own, rf"Users\{real.CAROL}\hers.txt") == OTHER
    assert not disk.has(data, rf"Users\{real.CAROL}")
    assert disk.has(data, r"Projects\plan.txt")


def test_a_recipe_path_means_the_volume_of_its_letter(
    disk: Disk, numbers: tuple[int, int], tmp_path: Path
) -> None:
    own, data = numbers
    source = tmp_path / "tool.txt"
    source.write_bytes(b"tool")
    steps = ("--copy-in", f"{source}:D:\\Apps", "--delete", r"D:\Shared", "--mkdir", r"D:\New")
    done = judges.reseal("customize", disk.path, *steps, "--quiet")
    assert done.returncode == 0, done.stderr
    assert disk.read(data, r"Apps\tool.txt") == b"tool"
    assert not disk.has(data, "Shared")
    assert disk.has(data, "New")
    assert not disk.has(own, "Apps")
    assert not disk.has(own, "New")


@pytest.mark.parametrize("letter", ["E:", "F:", "Q:"])
def test_a_drive_that_is_not_in_the_image_is_refused(
    disk: Disk, letter: str, tmp_path: Path
) -> None:
    before = disk.path.read_bytes()
    done = judges.reseal("customize", disk.path, "--mkdir", rf"{letter}\New", "--quiet")
    assert done.returncode == 2
    assert "C: or D:" in done.stderr
    assert disk.path.read_bytes() == before


def test_a_new_sid_on_all_volumes_reaches_profile_and_files(
    disk: Disk, numbers: tuple[int, int]
) -> None:
    _, data = numbers
    assert disk.descriptors_with_the_sid(data) > 1
    done = judges.reseal("sid", disk.path, "--new", "--yes", "--all-volumes", "--quiet")
    assert done.returncode == 0, done.stderr
    assert disk.descriptors_with_the_sid(data) == 0
    hive = disk.read(data, rf"Users\{real.CAROL}\NTUSER.DAT")
    assert NUMBERS not in hive
    assert hivex(hive)
    with disk.volume(data) as volume:
        assert not volume.dirty


def test_without_all_volumes_the_other_one_is_left_and_named(
    disk: Disk, numbers: tuple[int, int]
) -> None:
    _, data = numbers
    before = disk.read(data, rf"Users\{real.CAROL}\NTUSER.DAT")
    with_sid = disk.descriptors_with_the_sid(data)
    done = judges.reseal("sid", disk.path, "--new", "--yes", "--quiet")
    assert done.returncode == 0, done.stderr
    assert disk.read(data, rf"Users\{real.CAROL}\NTUSER.DAT") == before
    assert disk.descriptors_with_the_sid(data) == with_sid
    assert rf"the profile D:\Users\{real.CAROL}" in said(done)
    assert "--all-volumes" in said(done)


def test_generalize_keeps_the_letter_of_a_volume_of_the_image(
    disk: Disk, numbers: tuple[int, int]
) -> None:
    own, _ = numbers
    done = judges.reseal("generalize", disk.path, "--quiet")
    assert done.returncode == 0, done.stderr
    mounted = hivex(disk.read(own, judges.HIVES["SYSTEM"]))["MountedDevices"]
    assert set(mounted) == {r"\DosDevices\D:"}
    for text in ("keep their drive letters: D:", "were forgotten: F:", "the service ContosoSync"):
        assert text in said(done)


def test_generalize_on_all_volumes_changes_the_profile_there(
    disk: Disk, numbers: tuple[int, int]
) -> None:
    own, data = numbers
    done = judges.reseal("generalize", disk.path, "--sid-now", "--all-volumes", "--quiet")
    assert done.returncode == 0, done.stderr
    assert disk.descriptors_with_the_sid(data) == 0
    assert NUMBERS not in disk.read(data, rf"Users\{real.CAROL}\NTUSER.DAT")
    assert disk.read(own, rf"Users\{real.CAROL}\hers.txt") == OTHER
