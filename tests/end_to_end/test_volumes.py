"""Machines with a second volume: what is changed there, what is left and named."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from reseal.disk import FileDevice, Slice
from reseal.disk.partitions import volumes
from reseal.ntfs import Volume, secure, shadow_copies
from reseal.testing import real
from reseal.testing.machine import SAMPLE_SID, Machine
from tests.end_to_end import judges
from tests.oracles import hivex

NUMBERS = SAMPLE_SID.to_bytes()[8:]
OTHER = b"another user's"


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


@pytest.fixture(scope="module", params=["uefi", pytest.param("bios", marks=pytest.mark.judges)])
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


#: `make judges` runs all tests on both; every run these.
on_both = pytest.mark.parametrize("golden", ["uefi", "bios"], indirect=True)


@pytest.fixture
def disk(golden: Path, tmp_path: Path) -> Disk:
    path = tmp_path / "disk.raw"
    subprocess.run(["cp", "--sparse=always", golden, path], check=True)
    return Disk(path)


@pytest.fixture
def numbers(golden: Path) -> tuple[int, int]:
    return (3, 4) if golden.stem == "uefi" else (2, 3)


def test_removing_an_account_deletes_the_profile_that_it_has(
    disk: Disk, numbers: tuple[int, int]
) -> None:
    own, data = numbers
    done = judges.reseal("customize", disk.path, "--remove-user", real.CAROL, "--verbose")
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
    done = judges.reseal("customize", disk.path, *steps, "--verbose")
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
    done = judges.reseal("customize", disk.path, "--mkdir", rf"{letter}\New", "--verbose")
    assert done.returncode == 2
    assert "C: or D:" in done.stderr
    assert disk.path.read_bytes() == before


@on_both
def test_a_new_sid_reaches_a_profile_on_another_volume_and_the_files_there(
    disk: Disk, numbers: tuple[int, int]
) -> None:
    _, data = numbers
    assert disk.descriptors_with_the_sid(data) > 1
    done = judges.reseal("sid", disk.path, "--new", "--yes", "--verbose")
    assert done.returncode == 0, done.stderr
    assert disk.descriptors_with_the_sid(data) == 0
    hive = disk.read(data, rf"Users\{real.CAROL}\NTUSER.DAT")
    assert NUMBERS not in hive
    assert hivex(hive)
    with disk.volume(data) as volume:
        assert not volume.dirty


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk whose second volume holds files of this Windows, but none of its profiles."""
    path = tmp_path_factory.mktemp("stranger") / "disk.raw"
    moved = {str(SAMPLE_SID.relative(real.CAROL_RID)): {"ProfileImagePath": r"C:\Users\Gone"}}
    listed = {"Microsoft": {"Windows NT": {"CurrentVersion": {"ProfileList": moved}}}}
    real.machine(path, Machine(software=listed))
    return path


@pytest.mark.parametrize("arguments", [("sid", "--new", "--yes"), ("generalize", "--sid", "new")])
def test_without_all_volumes_one_without_a_profile_is_left_and_named(
    stranger: Path, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    disk = Disk(tmp_path / "disk.raw")
    subprocess.run(["cp", "--sparse=always", stranger, disk.path], check=True)
    before = disk.path.read_bytes()
    with_sid = disk.descriptors_with_the_sid(4)
    identity = tmp_path / "identity.json"
    more = ("--save-identity", identity) if arguments[0] == "generalize" else ()
    done = judges.reseal(arguments[0], disk.path, *arguments[1:], *more, "--verbose")
    assert done.returncode == 0, done.stderr
    (place,) = [one for one in volumes(FileDevice(disk.path, read_only=True)) if one.number == 4]
    part = slice(place.offset, place.offset + place.size)
    assert disk.path.read_bytes()[part] == before[part]
    assert f"{with_sid} security descriptors with the machine's SID" in said(done)
    assert "--all-volumes" in said(done)
    if more:
        code, text = verified(disk.path, "--identity", str(identity))
        assert code == 3
        assert r"D:\$Secure" in text
        assert "--sid both --all-volumes" in text


@on_both
def test_generalize_keeps_the_letter_of_a_volume_of_the_image(
    disk: Disk, numbers: tuple[int, int]
) -> None:
    own, _ = numbers
    done = judges.reseal("generalize", disk.path, "--verbose")
    assert done.returncode == 0, done.stderr
    mounted = hivex(disk.read(own, judges.HIVES["SYSTEM"]))["MountedDevices"]
    assert set(mounted) == {r"\DosDevices\D:"}
    for text in ("keep their drive letters: D:", "were forgotten: F:", "the service ContosoSync"):
        assert text in said(done)


@on_both
def test_generalize_changes_the_profile_there_and_leaves_the_rest(
    disk: Disk, numbers: tuple[int, int]
) -> None:
    own, data = numbers
    done = judges.reseal("generalize", disk.path, "--sid-now", "--verbose")
    assert done.returncode == 0, done.stderr
    assert rf"(D:) holds the profile D:\Users\{real.CAROL} of this Windows" in said(done)
    assert "the service ContosoSync" in said(done)
    assert disk.descriptors_with_the_sid(data) == 0
    assert NUMBERS not in disk.read(data, rf"Users\{real.CAROL}\NTUSER.DAT")
    assert disk.read(own, rf"Users\{real.CAROL}\hers.txt") == OTHER


def test_nothing_keeps_the_old_sid_on_a_volume_whose_letter_is_not_known(tmp_path: Path) -> None:
    disk, identity = Disk(tmp_path / "disk.raw"), tmp_path / "identity.json"
    stale = {r"\DosDevices\D:": b"DMIO:ID:" + bytes(16)}
    real.machine(disk.path, Machine(system={"MountedDevices": stale}))
    arguments = ("--sid", "both", "--all-volumes", "--save-identity", str(identity), "--verbose")
    done = judges.reseal("generalize", disk.path, *arguments)
    assert done.returncode == 0, done.stderr
    assert "its path leads out of this image" in said(done)
    assert disk.descriptors_with_the_sid(4) == 0
    assert NUMBERS not in disk.read(4, rf"Users\{real.CAROL}\NTUSER.DAT")
    code, text = verified(disk.path, "--identity", str(identity), "--strict")
    assert code == 0, text


# Free clusters, and what offline writes make invalid


SECRET = b"SECRET-of-the-old-machine" * 400
STORE = rf"System Volume Information\{{12345678-0000}}{shadow_copies.IDENTIFIER}"


@pytest.fixture
def used_data(disk: Disk, numbers: tuple[int, int]) -> Disk:
    """A disk on whose second volume a file was deleted, and which has a shadow copy."""
    device = FileDevice(disk.path, read_only=False)
    (place,) = [one for one in volumes(device) if one.number == numbers[1]]
    part = Slice(device, place.offset, place.size)
    with Volume.open(part, read_only=False, name="data") as volume:
        volume.create("secret.txt", SECRET)
        volume.delete("secret.txt")
        volume.make_directory("System Volume Information")
        volume.create(STORE, b"store")
    assert SECRET in disk.path.read_bytes()
    return disk


@pytest.mark.parametrize(
    "arguments",
    [
        ("generalize", "--all-volumes", "--wipe-free"),
        ("customize", "--mkdir", r"D:\New", "--wipe-free"),
    ],
    ids=["all volumes", "a change there"],
)
def test_a_volume_that_is_changed_is_wiped_and_loses_its_shadow_copies(
    used_data: Disk, numbers: tuple[int, int], arguments: tuple[str, ...]
) -> None:
    _, data = numbers
    done = judges.reseal(arguments[0], used_data.path, *arguments[1:], "--verbose")
    assert done.returncode == 0, done.stderr
    assert SECRET not in used_data.path.read_bytes()
    assert not used_data.has(data, STORE)
    assert f"of volume {data} (D:) are deleted" in said(done)
    with used_data.volume(data) as volume:
        assert not volume.dirty


def test_a_volume_that_is_not_changed_keeps_all_and_is_named(
    used_data: Disk, numbers: tuple[int, int]
) -> None:
    own, data = numbers
    done = judges.reseal("generalize", used_data.path, "--wipe-free", "--verbose")
    assert done.returncode == 0, done.stderr
    assert SECRET in used_data.path.read_bytes()
    assert used_data.has(data, STORE)
    # On BIOS machines the store is changed on an NTFS volume of its own.
    changed = f"volume {own} (C:)" if own == 3 else f"volume 1, volume {own} (C:)"
    assert f"wiped on {changed}, not on volume {data} (D:), which" in said(done)


# What verify says


def verified(path: Path, *arguments: str) -> tuple[int, str]:
    done = judges.reseal("verify", path, "--verbose", *arguments)
    # Nothing but the steps of the run.
    assert all(line.endswith(" …") for line in done.stderr.splitlines()), done.stderr
    return done.returncode, said(done)


def test_verify_searches_every_volume_and_names_them(
    disk: Disk, numbers: tuple[int, int], tmp_path: Path
) -> None:
    own, data = numbers
    identity = str(tmp_path / "identity.json")
    done = judges.reseal("generalize", disk.path, "--save-identity", identity, "--verbose")
    assert done.returncode == 0
    code, text = verified(disk.path, "--identity", identity)
    assert code == 0
    assert "As after Sysprep" in text
    assert f"Searched volume {own}, volume 1" in text
    assert f"volume {data} (D:) without unallocated clusters" in text
    assert rf"D:\Users\{real.CAROL}\NTUSER.DAT" in text
    # Behind them, --verbose lists every value and place.
    groups, every, _ = text.partition(" ok HKLM")
    assert every
    assert "--sid both` replaces it" in groups
    assert "--all-volumes" not in groups
    assert verified(disk.path, "--identity", identity, "--strict")[0] == 3
    code, text = verified(disk.path, "--identity", identity, "--system-volume-only")
    assert code == 0
    assert "D:" not in text


@pytest.mark.parametrize(
    ("head", "named"),
    [
        (b"\0\0\0ReFS\0\0\0\0", "ReFS"),
        (b"\xeb\x58\x90-FVE-FS-", "encrypted with BitLocker"),
        (b"\xeb\x76\x90EXFAT   ", "exFAT"),
        (bytes(11), "of an unknown format"),
    ],
)
def test_a_volume_that_cant_be_opened_is_named_and_the_image_is_not_clean(
    disk: Disk, numbers: tuple[int, int], head: bytes, named: str
) -> None:
    _, data = numbers
    (place,) = [one for one in volumes(FileDevice(disk.path, read_only=True)) if one.number == data]
    with disk.path.open("r+b") as file:
        file.seek(place.offset)
        file.write(head + bytes(512 - len(head)))
    done = judges.reseal("generalize", disk.path, "--verbose")
    assert done.returncode == 0, done.stderr
    assert f"Volume {data} was not examined: it is {named}." in said(done)
    code, text = verified(disk.path)
    assert code == 3
    assert f"Volume {data} was not searched: it is {named}" in text
    assert verified(disk.path, "--system-volume-only")[0] == 0


@pytest.mark.parametrize("kind", ["0fc63daf-8483-4772-8e79-3d69d8477de4",
                                  "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f",
                                  "e3c9e316-0b5c-4db8-817d-f92df00215ae"])  # fmt: skip
def test_partitions_in_which_windows_keeps_nothing_dont_count(kind: str, tmp_path: Path) -> None:
    image = tmp_path / "disk.raw"
    real.machine(image)
    subprocess.run(["sfdisk", "--quiet", "--part-type", image, "4", kind], check=True)
    with image.open("r+b") as file:
        (place,) = [one for one in volumes(FileDevice(image, read_only=True)) if one.number == 4]
        file.seek(place.offset)
        file.write(bytes(4096))
    done = judges.reseal("generalize", image, "--verbose")
    assert done.returncode == 0, done.stderr
    assert "Volume 4" not in said(done)
    assert verified(image)[0] == 0
