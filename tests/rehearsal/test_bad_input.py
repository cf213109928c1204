"""Damaged and hostile images: a stage says so, and no error escapes."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from reseal.errors import UsageError
from reseal.operations.rehearse import rehearse
from reseal.operations.rehearsing import RehearseRequest, walk_of
from reseal.rehearsal import machines
from reseal.rehearsal import rehearse as walk_through
from reseal.testing.machine import Machine
from reseal.testing.windows import MEBIBYTE
from tests.builders import session
from tests.rehearsal.layouts import LAYOUTS
from tests.rehearsal.samples import disk, healthy, stage, walk, walk_disk, walk_session

RESULTS = {"passes", "can't be told", "would ask", "would wait", "would stop"}


def _sound(record: dict[str, Any]) -> None:
    assert len(record["stages"]) == 11
    for one in record["stages"]:
        assert one["result"] in RESULTS
        assert "Traceback" not in one["said"]


@pytest.mark.parametrize(
    "content",
    [b"", b"MZ", b"regf", b"\0" * 5000, b"\xff" * 5000, b"PE\0\0" * 999, b"<unattend" * 500],
    ids=["empty", "MZ", "regf", "zeros", "ones", "PE", "XML"],
)
@pytest.mark.parametrize(
    "path",
    [
        "System32/ntoskrnl.exe", "System32/config/SYSTEM", "System32/config/SOFTWARE",
        "System32/config/SAM", "System32/drivers/disk.sys", "System32/capisp.dll",
        "System32/Sysprep/ActionFiles/Specialize.xml", "Panther/unattend.xml",
        "System32/smss.exe",
    ],
)  # fmt: skip
def test_any_content_of_a_file(path: str, content: bytes) -> None:
    files: dict[str, Any] = {}
    inner = files
    *folders, name = ["Windows", *path.split("/")]
    for one in folders:
        inner = inner.setdefault(one, {})
    inner[name] = content
    _sound(walk(healthy(files, armed=True)))


def test_a_machine_with_values_of_other_types() -> None:
    odd = {"ControlSet001": {
        "Services": {"disk": {"Start": "0", "Type": b"x"}, "x" * 200: {"Start": 0, "Type": 1}},
        "Control": {"Session Manager": {"BootExecute": 7, "SubSystems": {"Windows": 1}}},
    }, "Setup": {"SetupType": "2", "CmdLine": 5}}  # fmt: skip
    _sound(walk(healthy(system=odd)))


def test_thousands_of_drivers_are_bounded() -> None:
    many = {f"driver{number}": {"Start": 0, "Type": 1, "ErrorControl": 3} for number in range(3000)}
    record = walk(healthy(system={"ControlSet001": {"Services": many}}))
    loader = next(one for one in record["stages"] if one["name"] == "loader")
    assert loader["result"] == "would stop"
    assert len(loader["facts"]) <= 500


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_disk(tmp_path: Path, seed: int, sample: Path) -> None:
    chosen = random.Random(seed)
    path = tmp_path / "disk"
    shutil.copyfile(sample, path)
    with path.open("r+b") as file:
        for _ in range(40):
            # Tables, the FAT volume, and the start of the NTFS volume.
            file.seek(chosen.choice((0, MEBIBYTE, 53 * MEBIBYTE)) + chosen.randrange(40_000))
            file.write(chosen.randbytes(chosen.randrange(1, 64)))
    _sound(walk_disk(path))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return disk(tmp_path_factory.mktemp("sample"), healthy())


def test_an_empty_disk(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    path.write_bytes(bytes(4 * MEBIBYTE))
    record = walk_disk(path)
    _sound(record)
    assert record["verdict"] == "would stop"
    assert record["stage"] == "firmware"


def test_a_disk_and_a_folder_without_windows(tmp_path: Path) -> None:
    next(one for one in LAYOUTS if one.id == "uefi").build(tmp_path / "disk")
    record = walk_disk(tmp_path / "disk")
    _sound(record)
    assert record["verdict"] == "would stop"
    assert "no Windows installation" in stage(record, "loader")["said"]
    (tmp_path / "folder" / "Windows").mkdir(parents=True)
    found = rehearse(tmp_path / "folder")
    _sound(found)
    assert (found["verdict"], found["stage"]) == ("would stop", "loader")
    assert "not in a WIM" in found["stages"][0]["said"]


def test_a_windows_that_can_t_be_opened_is_not_passed() -> None:
    chosen = RehearseRequest().chosen()
    walked = walk_of(None, chosen, None)
    walked.trouble = "BitLocker is on."
    record = walk_through(walked)
    assert record["verdict"] == "can't be told"
    assert "BitLocker is on." in record["statement"]


def test_an_error_of_the_walk_does_not_end_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    one = session(Machine())

    def broken(*_: object) -> None:
        raise RuntimeError("x")

    monkeypatch.setattr(one.files, "stat", broken)
    record = walk_session(one)
    _sound(record)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is missing"),
        ("x = [", "does not describe"),
        ('title = "x"\nfirmware = ["coreboot"]\ndevices = []', "neither uefi nor bios"),
        ('title = "x"\nfirmware = ["uefi"]\ndevices = []', "no device"),
        ('title = "x"\nfirmware = ["uefi"]\ncolour = 1\ndevices = []', "unknown key colour"),
        (
            'title = "x"\nfirmware = ["uefi"]\nmark = "heard"\n[[devices]]\nwhat="x"\nids=["y"]',
            "heard",
        ),
    ],
)
def test_a_machine_file_that_is_none(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "machine.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        machines.find(str(path))


def test_names_that_are_not_known() -> None:
    for request in (
        RehearseRequest(machine="pdp-11"),
        RehearseRequest(firmware="coreboot"),
        RehearseRequest(secure_boot="1999"),
        RehearseRequest(machine="hyper-v-gen1", firmware="uefi"),
    ):
        with pytest.raises(UsageError):
            request.chosen()


def test_each_machine_has_a_source_and_devices() -> None:
    found = machines.known()
    assert len(found) >= 18
    for one in found:
        assert one.source
        assert all("\\" in identifier for each in one.devices for identifier in each.ids)
