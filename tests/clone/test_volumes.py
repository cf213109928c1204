"""Clones of a machine with a second volume: what of it changes with each."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reseal.testing import real
from reseal.testing.machine import Machine
from tests.clone.machines import record, run, table
from tests.end_to_end import judges
from tests.end_to_end.test_volumes import NUMBERS, Disk
from tests.oracles import hivex

DATA = 4
HIVE = rf"Users\{real.CAROL}\NTUSER.DAT"
#: Carol's account, for `--remove-user`.
_NAME = real.CAROL.encode("utf-16-le")
_V = bytes(12) + b"".join(n.to_bytes(4, "little") for n in (0, len(_NAME), 0)) + bytes(180) + _NAME
ACCOUNTS = {"SAM": {"Domains": {"Account": {"Users": {
    "000003EB": {"F": bytes(80), "V": _V},
    "Names": {real.CAROL: {"": (real.CAROL_RID, b"")}},
}}}}}  # fmt: skip


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("golden") / "golden.qcow2"
    real.machine(path, Machine(users=("Alice",), sam=ACCOUNTS))
    judges.generalize(path)
    return path


@pytest.fixture(scope="module")
def bare(golden: Path) -> Path:
    """The same without a profile on the second volume, whose files belong to the machine's accounts."""
    path = golden.with_name("bare.qcow2")
    shutil.copyfile(golden, path)
    done = judges.reseal("customize", path, "--remove-user", real.CAROL, "--quiet")
    assert done.returncode == 0, done.stderr
    return path


def clones(golden: Path, folder: Path, *arguments: str) -> tuple[list[Disk], Any]:
    """Make two clones, and return them as raw disks, with the record of the run."""
    done = run(golden, table(folder / "fleet.csv", "name", "A", "B"), folder / "fleet", *arguments)
    assert {one["state"] for one in record(folder / "fleet")} == {"made"}
    disks = [Disk(folder / f"{name}.raw") for name in ("A", "B")]
    for disk in disks:
        image = folder / "fleet" / f"{disk.path.stem}.qcow2"
        subprocess.run(["qemu-img", "convert", "-O", "raw", image, disk.path], check=True)
    return disks, done


@pytest.mark.parametrize("full", [(), ("--full",)], ids=["thin", "full"])
def test_a_profile_on_another_volume_changes_with_each_clone(
    golden: Path, full: tuple[str, ...], tmp_path: Path
) -> None:
    disks, done = clones(golden, tmp_path, "--now", *full)
    hives = [disk.read(DATA, HIVE) for disk in disks]
    for disk, data in zip(disks, hives, strict=True):
        assert NUMBERS not in data
        assert hivex(data)
        assert disk.descriptors_with_the_sid(DATA) == 0
        with disk.volume(DATA) as volume:
            assert not volume.dirty
    assert hives[0] != hives[1]
    assert "stay as they are" not in str(done)


def test_what_windows_does_at_the_first_boot_is_left_to_it(golden: Path, tmp_path: Path) -> None:
    disks, _ = clones(golden, tmp_path)
    for disk in disks:
        assert NUMBERS in disk.read(DATA, HIVE)
        assert disk.descriptors_with_the_sid(DATA)


@pytest.mark.parametrize("every", [True, False])
def test_other_volumes_change_only_where_that_is_asked_for(
    bare: Path, tmp_path: Path, *, every: bool
) -> None:
    disks, done = clones(bare, tmp_path, "--now", *(["--all-volumes"] if every else []))
    for disk in disks:
        assert bool(disk.descriptors_with_the_sid(DATA)) != every
    assert ("descriptors of volume 4 hold the old SID" in str(done)) != every
    assert ("--all-volumes" in str(done)) != every


@pytest.mark.parametrize("sid", ["new", "S-1-5-21-3004336341-3177238912-782003339"])
def test_specialize_takes_the_profile_along(golden: Path, sid: str, tmp_path: Path) -> None:
    disk = Disk(tmp_path / "one.raw")
    subprocess.run(["qemu-img", "convert", "-O", "raw", golden, disk.path], check=True)
    done = judges.reseal("specialize", disk.path, "--sid", sid, "--now", "--yes", "--quiet")
    assert done.returncode == 0, done.stderr
    assert NUMBERS not in disk.read(DATA, HIVE)
    assert disk.descriptors_with_the_sid(DATA) == 0
