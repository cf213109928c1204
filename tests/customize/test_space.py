"""Wiping what is nobody's, and rewriting images compactly."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from reseal.disk import FileDevice, Slice
from reseal.ntfs import Volume
from reseal.ntfs.wipe import wipe
from reseal.regf import Hive
from reseal.testing.hives import hive
from reseal.testing.volumes import File, ntfs_volume, populate
from reseal.testing.windows import windows
from tests import oracles
from tests.end_to_end.judges import Volume as Taken
from tests.end_to_end.judges import reseal
from tests.ntfs import judges

MARK = b"SECRET-7f3a"
NOISE = random.Random(7).randbytes(300_000)


def wiped(path: Path) -> None:
    device = FileDevice(path, read_only=False)
    wipe(Slice(device, 0, device.size), "test")
    device.flush()
    device.close()


def test_nothing_deleted_is_left_and_nothing_else_is_touched(tmp_path: Path) -> None:
    path = tmp_path / "volume"
    ntfs_volume(path, 24 << 20)
    kept = {f"kept {n}.bin": NOISE[: n * 997] for n in range(40)}
    packed = b"compress me, please. " * 9000
    with Volume.open(FileDevice(path, read_only=False), read_only=False, name="v") as volume:
        gone = {f"SECRET-7f3a {n}": MARK * (1 + 700 * n) for n in range(60)}
        populate(volume, {"Folder": {**kept, **gone}, "packed": File(packed, compressed=True)})
        volume.write(r"Folder\kept 39.bin", MARK * 4000)
        volume.write(r"Folder\kept 39.bin", b"short")
        for name in gone:
            volume.delete(rf"Folder\{name}")
        volume.reset_log()
    names = MARK.decode().encode("utf-16-le")
    before = path.read_bytes()
    assert MARK in before
    assert names in before
    wiped(path)
    after = path.read_bytes()
    assert MARK not in after
    assert names not in after
    judges.judge(path)
    with Volume.open(FileDevice(path), read_only=True, name="v") as volume:
        assert {one.name for one in volume.list("Folder")} == set(kept)
        for name, data in kept.items():
            expected = b"short" if name == "kept 39.bin" else data
            assert volume.read(rf"Folder\{name}") == expected
        assert volume.read("packed") == packed
    assert judges.cat(path, r"Folder\kept 20.bin") == kept["kept 20.bin"]
    wiped(path)
    assert path.read_bytes() == after


def test_free_cells_of_a_hive_are_wiped() -> None:
    data = bytearray(hive({"A": {"y": 1}, "B": {"z": "x"}}).to_bytes())
    # As Windows leaves it: the end of the last bin is a free cell, and keeps what was there.
    data[-64 : -64 + len(MARK)] = MARK
    built = Hive.open(bytes(data) + b"behind the last bin " + MARK)
    assert MARK in built.to_bytes()
    before = oracles.reseal(built.to_bytes())
    assert built.wipe_free() > 0
    after = built.to_bytes()
    assert MARK not in after
    assert oracles.reseal(after) == before
    assert {name: read(after) for name, read in oracles.ORACLES.items()} == dict.fromkeys(
        oracles.ORACLES, before
    )
    assert Hive.open(after).verify() == []
    assert built.wipe_free() == 0


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("golden") / "image.qcow2"
    windows(path)
    noisy = path.parent / "noise.bin"
    noisy.write_bytes(random.Random(1).randbytes(16 << 20))
    for step in (("--copy-in", f"{noisy}:/noise.bin"), ("--delete", "/noise.bin")):
        assert reseal("customize", path, "--quiet", *step).returncode == 0
    return path


@pytest.mark.parametrize("suffix", [".qcow2", ".raw", ".vhdx"])
def test_the_image_shrinks_and_holds_the_same(golden: Path, tmp_path: Path, suffix: str) -> None:
    image = tmp_path / f"image{suffix}"
    if suffix == ".qcow2":
        shutil.copyfile(golden, image)
    else:
        subprocess.run(["qemu-img", "convert", "-O", suffix[1:], golden, image], check=True)
    large = image.stat().st_blocks
    done = reseal("customize", image, "--json", "--quiet", "--wipe-free", "--shrink")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["wiped"]["clusters"] >= 16 << 20
    assert record["space"]["after"] == image.stat().st_blocks * 512
    assert image.stat().st_blocks < large - (12 << 20) // 512
    assert [one.name for one in tmp_path.iterdir()] == [image.name]
    folder = tmp_path / "taken"
    folder.mkdir()
    volume = Taken.of(image, folder)
    judges.judge(volume.path)
    assert volume.read(r"Windows\explorer.exe")[:2] == b"MZ"
    shown = reseal("customize", image, "--write", "/x:1", "--shrink").stdout
    assert "MiB on this machine; before the run it took" in shown


def test_an_image_with_snapshots_is_not_rewritten(golden: Path, tmp_path: Path) -> None:
    image = tmp_path / "image.qcow2"
    shutil.copyfile(golden, image)
    subprocess.run(["qemu-img", "snapshot", "-c", "one", image], check=True)
    before = image.read_bytes()
    done = reseal("customize", image, "--quiet", "--mkdir", "/x", "--shrink")
    assert done.returncode == 4
    assert "holds snapshots" in done.stderr
    assert image.read_bytes() == before
