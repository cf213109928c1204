"""Whole commands on block devices, with sectors of 512 and 4096 bytes, judged as on images."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from reseal.testing.firmware import bootable
from reseal.testing.machine import Machine
from reseal.testing.windows import MEBIBYTE, windows
from tests import devices
from tests.end_to_end import judges
from tests.oracles import hivex

SIZE = 48 * MEBIBYTE

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not devices.available(), reason=devices.MISSING),
]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state/reseal"


def volume(device: Path, folder: Path) -> judges.Volume:
    """Take the only volume out of a disk, which begins at 1 MiB."""
    path = folder / "volume.raw"
    content = device.read_bytes()
    path.write_bytes(content[MEBIBYTE : MEBIBYTE + SIZE])
    return judges.Volume(path)


def reseal(*words: str | Path, code: int = 0) -> str:
    done = judges.reseal(*words, "--json")
    assert done.returncode == code, done.stderr
    return done.stdout or done.stderr


@pytest.mark.parametrize("sector", [512, pytest.param(4096, marks=pytest.mark.judges)])
def test_a_device_is_generalized_where_it_is(sector: int, tmp_path: Path, state: Path) -> None:
    file = tmp_path / "disk.raw"
    windows(file, Machine(users=("Alice",)), size=SIZE, sector=sector)
    with devices.attached(file, sector) as device:
        refused = reseal("generalize", device, code=2)
        assert "--in-place" in refused
        record = json.loads(reseal("generalize", device, "--in-place"))
        assert record["image"]["path"] == str(device)
        assert any("can't be seen from here" in note for note in record["notes"])
        found = volume(device, tmp_path)
        assert found.is_clean()
        for name, path in judges.HIVES.items():
            assert hivex(found.read(path)), name
        reseal("verify", device)
    assert list(state.iterdir()) == []


@pytest.mark.judges
@pytest.mark.parametrize("sector", [512, 4096])
def test_every_command_takes_a_device(sector: int, tmp_path: Path) -> None:
    file, folder = tmp_path / "disk.raw", tmp_path / "clones"
    windows(file, Machine(users=("Alice",), files=bootable()), size=SIZE, sector=sector)
    (tmp_path / "fleet.csv").write_text("name\nPC-1\nPC-2\n")
    with devices.attached(file, sector) as device:
        reseal("customize", device, "--write", r"C:\a.txt:text", "--in-place")
        reseal("sid", device, "--new", "--yes", "--in-place")
        assert volume(device, tmp_path).is_clean()
        reseal("generalize", device, "--in-place")
        assert volume(device, tmp_path).read(r"a.txt") == b"text"
        reseal("verify", device)
        before = device.read_bytes()
        reseal("capture", device, tmp_path / "a.wim", "--compress", "xpress")
        subprocess.run(["wimverify", tmp_path / "a.wim"], check=True, capture_output=True)
        words = ("--size", "400M", "--firmware", "uefi")
        reseal("deploy", device, tmp_path / "new.qcow2", *words, code=0 if sector == 512 else 4)
        table = ("--machines", tmp_path / "fleet.csv", "--output-dir", folder)
        reseal("clone", device, *table)
        reseal("inspect", folder / "PC-1.qcow2", code=4)
        reseal("inspect", folder / "PC-1.qcow2", "--allow-backing")
        assert "golden image" in reseal("boot", device, "--audit", "--in-place", code=4)
        reseal("sid", device, "--new", "--yes", "--output", tmp_path / "other.qcow2")
        assert device.read_bytes() == before
        assert "nothing to resume" in reseal("resume", device, code=4)
