"""What a person can get wrong, as the command answers: an error, and no disk."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from reseal.cli import commands
from reseal.deploy import Firmware, Options, deploy
from reseal.disk import FileDevice
from reseal.errors import ImageError
from reseal.testing.firmware import bootable
from reseal.testing.machine import Machine, software_hive, system_hive, tree
from reseal.testing.volumes import ntfs_volume, populate
from reseal.testing.windows import windows
from tests.deploy.images import rich_image, taken_apart
from tests.disk.test_space import with_space
from tests.ntfs.conftest import writable
from tests.wim.jobs import capture

MIB = 1 << 20


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images to deploy from."""
    folder = tmp_path_factory.mktemp("made")
    rich_image(folder / "good.qcow2")
    parts = taken_apart(folder / "good.qcow2", folder / "parts")
    capture(parts.files[0], folder / "good.wim", compression="xpress", name="one")
    data = (folder / "good.wim").read_bytes()
    (folder / "cut.wim").write_bytes(data[: len(data) // 2])
    hibernated = bootable() | {"hiberfil.sys": b"HIBR" + bytes(8192)}
    windows(folder / "hibernated.qcow2", Machine(files=hibernated), size=48 * MIB)
    _large_sectors(folder / "large sectors.raw")
    windows(folder / "plain.qcow2", Machine(), size=32 * MIB)
    dirty = parts.files[0]
    _set_dirty(dirty)
    shutil.copyfile(dirty, folder / "dirty.raw")
    (folder / "nothing.raw").write_bytes(bytes(MIB))
    (folder / "two.qcow2").write_bytes(b"")
    windows(
        folder / "two.qcow2", Machine(files=bootable() | {"Windows2": _second()}), size=64 * MIB
    )
    shutil.rmtree(folder / "parts")
    return folder


def _large_sectors(path: Path) -> None:
    ntfs_volume(path, 48 * MIB, sector_size=4096)
    with writable(path) as volume:
        populate(volume, tree(Machine(files=bootable())))


def _second() -> dict[str, Any]:
    hives = {"SYSTEM": system_hive(Machine()), "SOFTWARE": software_hive(Machine())}
    return {"System32": {"config": hives}}


def _set_dirty(volume: Path) -> None:
    from reseal.ntfs import Volume

    device = FileDevice(volume, read_only=False)
    with Volume.open(device, read_only=False, name="x") as opened:
        opened.set_dirty(dirty=True)
    device.close()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where the disk would appear; nothing may be left there."""
    place = tmp_path / "out"
    place.mkdir()
    yield place
    assert list(place.iterdir()) == []


def reseal(*arguments: str | Path) -> Result:
    """Run the command line."""
    return CliRunner().invoke(commands.reseal, ["deploy", *(str(one) for one in arguments)])


@pytest.mark.parametrize(
    ("source", "options", "code", "message"),
    [
        ("good.wim", "--size 100M --firmware uefi", 2, "too small"),
        ("good.qcow2", "--size 300M --firmware uefi", 2, "too small"),
        ("good.qcow2", "--size 1G --firmware bios --recovery", 2, "too small"),
        ("good.wim", "--size 1G", 2, "uefi or bios"),
        ("good.wim", "--size 1G --firmware efi", 2, "uefi or bios"),
        ("good.wim", "--size lots --firmware uefi", 2, "not a valid disk size"),
        ("good.wim", "--size 3T --firmware bios", 2, "2 TiB"),
        ("good.wim", "--size 1G --firmware uefi --index 2", 4, "has no image 2"),
        ("good.wim", "--size 1G --firmware uefi --volume 1", 2, "no volumes"),
        ("good.wim", "--size 1G --resize", 4, "can't be opened|not a disk image"),
        ("good.qcow2", "--size 1G --firmware uefi --index 1", 2, "no index"),
        ("good.qcow2", "--size 1G --firmware uefi --volume 7", 3, "no Windows in volume 7"),
        ("good.qcow2", "--size 1G --resize --firmware uefi", 2, "keeps the layout"),
        ("two.qcow2", "--size 1G --firmware uefi", 3, "several Windows"),
        ("cut.wim", "--size 1G --firmware uefi", 4, "cut"),
        ("plain.qcow2", "--size 1G --firmware uefi", 4, "BCD-Template is missing"),
        ("plain.qcow2", "--size 1G --firmware bios", 4, "BCD-Template is missing"),
        ("dirty.raw", "--size 1G --firmware uefi", 3, "not closed cleanly"),
        ("dirty.raw", "--size 1G --resize", 4, "marked dirty"),
        ("hibernated.qcow2", "--size 1G --firmware uefi", 3, "hibernated"),
        ("large sectors.raw", "--size 1G --firmware uefi", 4, "sectors of 4096 bytes"),
        ("nothing.raw", "--size 1G --firmware uefi", 4, "not a disk image"),
        ("none.wim", "--size 1G --firmware uefi", 4, "can't be opened"),
    ],
)
def test_an_error_leaves_nothing(
    made: Path, folder: Path, source: str, options: str, code: int, message: str
) -> None:
    done = reseal(made / source, folder / "disk.qcow2", *options.split(), "--quiet", "--json")
    assert done.exit_code == code, done.output
    record = json.loads(done.stdout)
    assert record["result"] == "error"
    assert re.search(message, record["error"]["message"])
    assert record["error"]["hint"] or source in {"nothing.raw", "none.wim"}


def test_a_disk_that_is_there_is_kept(made: Path, tmp_path: Path) -> None:
    target = tmp_path / "disk.qcow2"
    target.write_bytes(b"mine")
    done = reseal(made / "good.wim", target, "--size", "1G", "--firmware", "uefi", "--quiet")
    assert done.exit_code == 2
    assert "exists already" in done.output
    assert target.read_bytes() == b"mine"


@pytest.mark.parametrize("source", ["good.qcow2", "good.wim"])
def test_no_space_leaves_nothing(made: Path, tmp_path: Path, source: str) -> None:
    def job(folder: Path) -> None:
        options = Options(1 << 30, Firmware.UEFI)
        with pytest.raises(ImageError, match=r"No space|no space"):
            deploy(made / source, folder / "disk.qcow2", options, lambda _: None)
        assert list(folder.iterdir()) == []

    place = tmp_path / "small"
    place.mkdir()
    with_space(2 * MIB, job, place)


@pytest.mark.parametrize("source", ["good.qcow2", "good.wim"])
def test_a_source_that_changes_meanwhile_is_noticed(
    made: Path, folder: Path, tmp_path: Path, source: str
) -> None:
    copy = tmp_path / source
    shutil.copyfile(made / source, copy)

    def touch(message: dict[str, Any]) -> None:
        if message.get("step") == "Making it bootable":
            os.utime(copy, ns=(1, 1))

    with pytest.raises(ImageError, match="was changed by another program"):
        deploy(copy, folder / "disk.qcow2", Options(1 << 30, Firmware.BIOS), touch)


def test_a_person_sees_what_was_made(made: Path, tmp_path: Path) -> None:
    target, report = tmp_path / "disk.qcow2", tmp_path / "record.json"
    done = reseal(
        made / "good.wim", target, "--size", "1G", "--firmware", "bios", "--report", report
    )
    assert done.exit_code == 0, done.output
    for part in ("Windows 11 Pro is drive C:", "Warning: This Windows is not generalized",
                 "Not proved: a boot", "is made"):  # fmt: skip
        assert part in done.output
    assert json.loads(report.read_text())["result"] == "deployed"
    larger = tmp_path / "larger.qcow2"
    done = reseal(target, larger, "--size", "2G", "--resize")
    assert done.exit_code == 0, done.output
    assert "its Windows volume is 1.0 GiB larger" in done.output
