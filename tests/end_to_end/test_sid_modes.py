"""When a machine gets its new SID: at its first boot, in the run, or in both."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reseal.regf import Hive
from reseal.testing import real
from reseal.testing.disks import convert
from reseal.testing.machine import Machine
from reseal.testing.windows import windows
from tests.end_to_end import composed, judges
from tests.end_to_end.test_verify import edit, verify

NAME = "QXJZKVWPLMTRBHD"


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Windows in use, with a name that occurs nowhere by chance."""
    path = tmp_path_factory.mktemp("used") / "used.raw"
    real.machine(path, Machine(computer_name=NAME))
    return path


def _generalize(
    image: Path, *arguments: str | Path, code: int = 0
) -> subprocess.CompletedProcess[str]:
    done = judges.reseal("generalize", image, "--json", "--quiet", *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def _record(image: Path, *arguments: str | Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(_generalize(image, *arguments).stdout)
    return record


@pytest.mark.parametrize(
    ("mode", "verdict", "suffix"),
    [
        (("--sid", "pending"), "as after Sysprep", "qcow2"),
        (("--sid", "new"), "clean", "qcow2"),
        (("--sid-now",), "clean", "raw"),
        (("--sid", "both"), "clean", "raw"),
    ],
)
def test_a_machine_in_use(
    mode: tuple[str, ...], verdict: str, suffix: str, used: Path, tmp_path: Path
) -> None:
    image, identity = tmp_path / f"image.{suffix}", tmp_path / "identity.json"
    convert(used, image, suffix)
    record = _record(image, *mode, "--save-identity", identity)
    saved = json.loads(identity.read_text())
    assert saved["machine_sid"] == str(Machine().sid)
    assert saved["fresh_sid"] == (record["sid"]["new"] if record["sid"] else None)
    for arguments in ((), ("--identity", identity)):
        assert verify(image, *arguments, clean=True)["result"] == verdict
        assert verify(image, *arguments, "--strict", clean=verdict == "clean")
    before = image.read_bytes()
    again = _record(image, *mode)
    assert again["result"] == "already generalized"
    assert again["changes"] == []
    assert image.read_bytes() == before


@pytest.mark.corpus
@pytest.mark.parametrize("machine", composed.MACHINES)
@pytest.mark.parametrize(("mode", "verdict"), [("pending", "as after Sysprep"), ("both", "clean")])
def test_a_composed_machine(
    mode: str, verdict: str, machine: str, corpus: Path, tmp_path: Path
) -> None:
    image, identity = tmp_path / "image.qcow2", tmp_path / "identity.json"
    composed.build(corpus, machine, image)
    _record(image, "--sid", mode, "--save-identity", identity)
    record = verify(image, "--identity", identity, "--deep", clean=True)
    assert record["result"] == verdict
    if mode == "both":
        hives = {"SYSTEM", "SOFTWARE", "SAM", "SECURITY", "DEFAULT"}
        volume = judges.Volume.of(image, tmp_path)
        for name in hives:
            data = volume.read(judges.HIVES[name])
            assert judges.seen(data)
            assert Hive.open(data).verify() == []
            old = composed.MACHINES[machine].sid.to_bytes()[12:]
            assert old not in data, name


FORMS = {
    "name": (NAME.encode(), NAME.lower().encode(), NAME.encode("utf-16-le")),
    "sid": (
        str(Machine().sid)[2:].encode(),
        str(Machine().sid)[2:].encode("utf-16-le"),
        Machine().sid.to_bytes()[12:],
    ),
}


def test_a_scan_of_the_raw_disk_finds_nothing(used: Path, tmp_path: Path) -> None:
    image = tmp_path / "image.raw"
    subprocess.run(["cp", "--sparse=always", used, image], check=True)
    _record(image, "--sid", "both", "--wipe-free")
    data = image.read_bytes()
    left = {
        f"{what} {number}": data.count(form)
        for what, forms in FORMS.items()
        for number, form in enumerate(forms)
        if form in data
    }
    assert left == {}


OBSTACLES: dict[str, tuple[Machine, str]] = {
    "a hive that can't be opened": (
        Machine(files={"Users": {"Alice": {"AppData": {"Local": {"Microsoft": {"Windows": {
            "UsrClass.dat": b"regf" + bytes(8188)}}}}}}}),
        r"UsrClass\.dat was left as it is",
    ),
    "a log of events": (
        Machine(files={"Windows": {"System32": {"LogFiles": {
            "x.etl": Machine().sid.to_bytes() * 2}}}}),
        r"LogFiles\\x\.etl \(event trace\) keeps it",
    ),
    "a database that is damaged": (
        Machine(files={"ProgramData": {"Microsoft": {"Windows": {"AppRepository": {
            "StateRepository-Machine.srd":
                b"SQLite format 3\0" + bytes(84) + str(Machine().sid).encode()}}}}}),
        r"StateRepository-Machine\.srd \(SQLite database\) keeps it",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("machine", "reason"), OBSTACLES.values(), ids=list(OBSTACLES))
def test_both_is_refused_where_something_keeps_the_old_sid(
    machine: Machine, reason: str, tmp_path: Path
) -> None:
    image = tmp_path / "image.raw"
    windows(image, machine)
    before = image.read_bytes()
    done = _generalize(image, "--sid", "both", code=3)
    error = json.loads(done.stdout)["error"]["message"]
    assert re.search(reason, error), error
    assert error.endswith("Nothing was changed.")
    assert image.read_bytes() == before
    # The other modes go on, and say what they leave.
    assert _record(image, "--sid", "new")["result"] == "generalized"


def test_both_is_refused_where_another_volume_keeps_the_old_sid(tmp_path: Path) -> None:
    image = tmp_path / "image.raw"
    moved = {str(Machine().sid.relative(real.CAROL_RID)): {"ProfileImagePath": r"C:\Users\Gone"}}
    listed = {"Microsoft": {"Windows NT": {"CurrentVersion": {"ProfileList": moved}}}}
    real.machine(image, Machine(software=listed))
    before = image.read_bytes()
    done = _generalize(image, "--sid", "both", code=3)
    assert "--all-volumes" in done.stdout
    assert image.read_bytes() == before


def test_a_request_with_more_bits_keeps_them_with_both(sample: Path, tmp_path: Path) -> None:
    judges.generalize(sample)

    def ask(volume: Any) -> None:
        system = Hive.open(volume.read(judges.HIVES["SYSTEM"]))
        request = system.root.create(r"Setup\SetupCl\PendingRequest")
        request.set("OperationFlags", 4, (0x7F04).to_bytes(4, "little"))
        request.set("SidAccountDomainOld", 3, Machine().sid.to_bytes())
        request.set("Operand", 1, "x\0".encode("utf-16-le"))
        volume.write(judges.HIVES["SYSTEM"], system.to_bytes())

    edit(sample, tmp_path, ask)
    _record(sample, "--sid", "both")
    system = Hive.open(judges.Volume.of(sample, tmp_path).read(judges.HIVES["SYSTEM"]))
    key = system.key(r"Setup\SetupCl\PendingRequest")
    assert key
    assert {one.name: one.decoded for one in key.values()} == {
        "OperationFlags": 0x7F04, "Operand": "x",
    }  # fmt: skip
