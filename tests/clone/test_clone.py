"""Fleets from a golden image, as a person makes them."""

from __future__ import annotations

import json
import os
import random
import signal
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from reseal.clone import CloneOptions, FleetError, clone
from reseal.clone.plan import ClonePlan, FleetMachine
from reseal.clone.pool import Pool, Worker, WorkerError
from reseal.clone.sampled import differences
from reseal.disk import FileDevice, InUseError
from reseal.disk.locks import Lock
from reseal.errors import ImageError, UsageError
from reseal.ntfs import Volume, shadow_copies
from reseal.testing.machine import SAMPLE_SID
from reseal.testing.machine import Machine as Sample
from reseal.testing.windows import windows
from tests.answerfile.samples import SHELL, one
from tests.clone import machines
from tests.clone.machines import prove, record, run, table
from tests.end_to_end import judges, real_machine
from tests.sid.test_sid import owners
from tests.specialize.test_specialize import Look, answer

CHOSEN = "S-1-5-21-3004336341-3177238912-782003339"
FLEET = 12


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return machines.golden(tmp_path_factory.mktemp("golden") / "golden.qcow2")


def identities(entries: list[dict[str, Any]], name: str) -> list[Any]:
    return [entry["identity"][name] for entry in entries]


def test_a_fleet_whose_run_was_killed_is_continued(golden: Path, tmp_path: Path) -> None:
    folder = tmp_path / "fleet"
    fleet = table(tmp_path / "fleet.csv", "name,owner",
                  *(f"{'*' if number % 3 else f'WS-{number}'},Ben" for number in range(FLEET)))  # fmt: skip
    command: list[str | Path] = [judges.RESEAL, "clone", golden, "--machines", fleet, "--output-dir", folder,
               "--quiet", "--seed", "of a test"]  # fmt: skip
    first = subprocess.Popen(command, start_new_session=True)
    while first.poll() is None and len(list(folder.glob("*.qcow2"))) < FLEET // 4:
        time.sleep(0.002)
    first.kill()
    first.wait()
    there = {path: path.stat().st_mtime_ns for path in folder.glob("*.qcow2")}
    planned = {entry["name"]: entry for entry in record(folder)}
    assert len(planned) == FLEET
    done = run(golden, fleet, folder, "--seed", "of a test")
    assert done["result"] == "made"
    assert done["made"] + done["there"] == FLEET
    # What was made is not made again, and everybody is who he was meant to be.
    assert all(path.stat().st_mtime_ns == time for path, time in there.items())
    entries = record(folder)
    assert {entry["state"] for entry in entries} == {"made"}
    assert {path.name for path in folder.iterdir()} == {
        "fleet.json", *(entry["path"] for entry in entries),
    }  # fmt: skip
    for entry in entries:
        was = planned[entry["name"]]["identity"]
        assert entry["identity"]["machine_sid"] == was["machine_sid"]
    for name in ("computer_name", "machine_sid", "machine_guid"):
        assert len(set(identities(entries, name))) == FLEET
    drawn = random.Random(1).choice(entries)
    look = prove(drawn, folder, tmp_path / "look")
    root = look.answers()
    assert answer(root, "specialize", "ComputerName") == [drawn["name"]]
    assert answer(root, "specialize", "RegisteredOwner") == ["Ben"]
    # Once more: nothing is left to do. And the same seed draws the same elsewhere.
    assert run(golden, fleet, folder)["made"] == 0
    other = tmp_path / "other"
    run(golden, fleet, other, "--seed", "of a test", "--jobs", 1)
    again = record(other)
    assert sorted(identities(again, "machine_sid")) == sorted(identities(entries, "machine_sid"))
    assert sorted(identities(again, "machine_guid")) == sorted(identities(entries, "machine_guid"))


def test_a_chosen_sid_is_pending_or_done_and_never_both(golden: Path, tmp_path: Path) -> None:
    fleet = table(tmp_path / "fleet.csv", "name,sid", f"A,{CHOSEN}", "B,pending", "C,new")
    for number, now in enumerate([(), ("--now",)]):
        folder = tmp_path / f"fleet {number}"
        run(golden, fleet, folder, *now)
        entries = {entry["name"]: entry for entry in record(folder)}
        when = "now" if now else "next boot"
        assert entries["A"]["identity"]["machine_sid"] == CHOSEN
        assert entries["A"]["identity"]["sid_when"] == when
        assert entries["B"]["identity"]["machine_sid"] is None
        assert entries["B"]["identity"]["sid_when"] == "next boot"
        for entry in entries.values():
            look = prove(entry, folder, tmp_path / f"look {number} {entry['name']}")
            if entry["identity"]["sid_when"] == "now":
                # The old SID stands nowhere but in the files that are listed.
                residue = owners(look.volume.path, str(SAMPLE_SID))
                assert {name.replace("/", "\\") for name in residue} <= set(entry["left"])


@pytest.mark.parametrize("now", [(), ("--now",)])
def test_verify_finds_no_identity_that_clones_share(
    now: tuple[str, ...], golden: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "fleet"
    run(golden, table(tmp_path / "fleet.csv", "name", "A", "B"), folder, *now)
    both = folder / "A.qcow2", "--against", folder / "B.qcow2"
    done = judges.reseal("verify", *both, "--allow-backing", "--json", "--quiet")
    assert done.returncode == 0, done.stdout
    shared = {(row["kind"], row["verdict"]) for row in json.loads(done.stdout)["shared"]}
    ids = {("volume id", "reported only"), ("disk or partition id", "reported only")}
    assert shared == (ids if now else ids | {("machine SID", "replaced at first boot")})


def test_two_runs_into_one_folder_never_share_an_identity(golden: Path, tmp_path: Path) -> None:
    folder = tmp_path / "fleet"
    first = table(tmp_path / "first.csv", "name,sid,mac,addresses",
                  f"A,{CHOSEN},52-54-00-00-00-01,192.0.2.1/24", "B,,,")  # fmt: skip
    run(golden, first, folder)
    taken = [
        ("name\na", "the name a belongs to A"),
        (f"name,sid\nC,{CHOSEN}", f"the SID {CHOSEN} belongs to A"),
        ("name,mac\nC,525400000001", "the MAC address 52-54-00-00-00-01 belongs to A"),
        (
            "name,mac,addresses\nC,525400000002,192.0.2.1/24",
            "the address 192.0.2.1 belongs to A",
        ),
    ]
    before = (folder / "fleet.json").read_bytes()
    for number, (text, said) in enumerate(taken):
        fleet = table(tmp_path / f"taken {number}.csv", text)
        with pytest.raises(FleetError) as caught:
            list(clone(golden, fleet, folder))
        assert caught.value.problems == [f"{fleet}:2:1: {said} of an earlier run into {folder}."]
    assert (folder / "fleet.json").read_bytes() == before
    run(golden, table(tmp_path / "more.csv", "name", "C", "D"), folder)
    entries = record(folder)
    assert [entry["name"] for entry in entries] == ["A", "B", "C", "D"]
    assert len(set(identities(entries, "machine_sid"))) == 4
    assert len({entry["path"] for entry in entries if (folder / entry["path"]).exists()}) == 4
    # Another seed would draw what the folder's own does not.
    with pytest.raises(UsageError, match="another seed"):
        list(clone(golden, first, folder, CloneOptions(seed="other")))


def test_a_folder_that_is_in_use_or_has_a_damaged_record(golden: Path, tmp_path: Path) -> None:
    folder = tmp_path / "fleet"
    folder.mkdir()
    lock = Lock(folder)
    lock.exclude()
    with pytest.raises(InUseError):
        list(clone(golden, [{"name": "A"}], folder))
    lock.close()
    entry = {"name": "../A", "state": "made", "path": "../A.qcow2", "format": "qcow2",
             "thin": True, "golden": "x", "row": "y", "identity": {}}  # fmt: skip
    for content in (
        b"{",
        b"[]",
        b'{"schema": "fleet-1", "seed": "x", "machines": [3]}',
        b'{"schema": "fleet-2", "seed": "x", "machines": []}',
        json.dumps({"schema": "fleet-1", "seed": "x", "machines": [entry]}).encode(),
    ):
        (folder / "fleet.json").write_bytes(content)
        with pytest.raises(ImageError, match="can't be read"):
            list(clone(golden, [{"name": "A"}], folder))
        assert (folder / "fleet.json").read_bytes() == content
    assert [path.name for path in folder.iterdir()] == ["fleet.json"]


def test_a_golden_image_that_was_not_shut_down_is_refused(tmp_path: Path) -> None:
    golden = tmp_path / "golden.qcow2"
    windows(golden, Sample(users=()), size=machines.SIZE, partitioned=False)
    dirty = tmp_path / "dirty.raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", golden, dirty], check=True)
    with Volume.open(FileDevice(dirty, read_only=False), read_only=False, name="x") as volume:
        volume.set_dirty(dirty=True)
    with pytest.raises(ImageError, match="dirty"):
        list(clone(dirty, [{"name": "A"}, {"name": "B"}], tmp_path / "fleet"))
    assert not (tmp_path / "fleet").exists()


def test_templates_are_filled_in_and_escaped(golden: Path, tmp_path: Path) -> None:
    template = tmp_path / "all.xml"
    template.write_text(one("specialize", SHELL, "<RegisteredOwner>${who} $${x}</RegisteredOwner>"))
    (tmp_path / "own.xml").write_text(one("oobeSystem", SHELL, "<TimeZone>UTC</TimeZone>"))
    fleet = tmp_path / "fleet.json"
    fleet.write_text(json.dumps([
        {"name": "A", "who": "Müller & <Söhne> \"'", "locale": "de-DE",
         "mac": "52:54:00:00:00:01", "addresses": ["192.0.2.1/24"], "dns": ["192.0.2.2"]},
        {"name": "B", "unattend": "own.xml"},
    ]))  # fmt: skip
    run(golden, fleet, tmp_path / "fleet", "--unattend", template)
    root = Look(tmp_path / "fleet" / "A.qcow2", tmp_path / "a").answers()
    assert answer(root, "specialize", "RegisteredOwner") == ["Müller & <Söhne> \"' ${x}"]
    assert answer(root, "specialize", "ComputerName") == ["A"]
    assert answer(root, "specialize", "UserLocale") == ["de-DE"]
    where = "Interfaces/Interface/"
    assert answer(root, "specialize", f"{where}Identifier") == ["52-54-00-00-00-01"] * 2
    assert answer(root, "specialize", f"{where}UnicastIpAddresses/IpAddress") == ["192.0.2.1/24"]
    assert answer(root, "specialize", f"{where}DNSServerSearchOrder/IpAddress") == ["192.0.2.2"]
    root = Look(tmp_path / "fleet" / "B.qcow2", tmp_path / "b").answers()
    assert answer(root, "specialize", "ComputerName") == ["B"]
    assert answer(root, "oobeSystem", "TimeZone") == ["UTC"]
    assert answer(root, "specialize", "RegisteredOwner") == []


def test_a_failure_of_one_does_not_stop_the_others(golden: Path, tmp_path: Path) -> None:
    folder = tmp_path / "fleet"
    folder.mkdir()
    foreign = folder / "B.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", foreign, "1M"], check=True)
    data = foreign.read_bytes()
    fleet = table(tmp_path / "fleet.csv", "name", "A", "B", "C")
    done = judges.reseal("clone", golden, "--machines", fleet, "--output-dir", folder)
    assert done.returncode == 4
    assert "Failed: B: " in done.stdout
    assert "2 made" in done.stdout
    assert "B failed" in done.stderr
    assert foreign.read_bytes() == data
    states = {entry["name"]: entry["state"] for entry in record(folder)}
    assert states == {"A": "made", "B": "failed", "C": "made"}
    foreign.unlink()
    done = run(golden, fleet, folder)
    assert (done["made"], done["there"]) == (1, 2)


def test_the_golden_image_of_thin_clones_is_left_alone(tmp_path: Path) -> None:
    golden = machines.golden(tmp_path / "golden.qcow2")
    fleet = table(tmp_path / "fleet.csv", "name", "A")
    full = run(golden, fleet, tmp_path / "full", "--full", "--format", "raw")
    assert full["result"] == "made"
    assert golden.stat().st_mode & stat.S_IWUSR
    run(golden, fleet, tmp_path / "thin")
    assert not golden.stat().st_mode & 0o222
    data = golden.read_bytes()
    for command in (("sid", "--new", "--yes"), ("generalize",)):  # fmt: skip
        done = judges.reseal(command[0], golden, *command[1:], "--quiet")
        assert done.returncode == 4, done.stderr
        assert "golden image of thin clones in thin" in done.stderr
        assert "--output" in done.stderr
    assert golden.read_bytes() == data
    done = judges.reseal("sid", golden, "--new", "--yes", "--quiet",
                         "--output", tmp_path / "other.qcow2")  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("form", ["vhdx", "raw", "qcow2"])
def test_whole_images(form: str, golden: Path, tmp_path: Path) -> None:
    folder = tmp_path / "fleet"
    run(golden, table(tmp_path / "fleet.csv", "name", "A"), folder, "--full", "--format", form)
    (entry,) = record(folder)
    assert entry["path"] == f"A.{form}"
    about = subprocess.run(
        ["qemu-img", "info", "--output=json", folder / entry["path"]],
        check=True, capture_output=True,
    )  # fmt: skip
    assert "backing-filename" not in json.loads(about.stdout)
    if form == "vhdx":
        prove(entry, folder, tmp_path / "look")


def test_an_image_that_is_not_fit_is_warned_of(tmp_path: Path) -> None:
    fleet = table(tmp_path / "fleet.csv", "name", "A")
    finished = tmp_path / "finished.qcow2"
    windows(finished, size=machines.SIZE)
    done = run(finished, fleet, tmp_path / "one")
    assert any("not generalized" in warning for warning in done["warnings"])
    (entry,) = record(tmp_path / "one")
    # No Windows changes it later, so it is changed at once.
    assert entry["identity"]["sid_when"] == "now"
    prove(entry, tmp_path / "one", tmp_path / "look")
    vm = machines.golden(tmp_path / "vm.qcow2", "--mode", "vm", "--force", "vm-mode")
    done = run(vm, fleet, tmp_path / "two")
    assert any("VM mode" in warning for warning in done["warnings"])


def test_calls_that_make_no_sense(golden: Path, tmp_path: Path) -> None:
    fleet = table(tmp_path / "fleet.csv", "name", "A")
    folder = tmp_path / "fleet"
    for arguments in (("--thin", "--format", "raw"), ("--full", "--format", "zip"),
                      ("--sid", CHOSEN)):  # fmt: skip
        assert run(golden, fleet, folder, *arguments, code=2)["result"] == "error"
    run(golden, table(tmp_path / "bad.csv", "name", "A", "a"), folder, code=2)
    run(tmp_path, fleet, folder, code=2)
    assert not folder.exists()


def plan(golden: Path, folder: Path) -> ClonePlan:
    folder.mkdir()
    return ClonePlan(golden=str(golden), output_dir=str(folder))


def wanted(count: int) -> list[FleetMachine]:
    return [FleetMachine(f"WS-{number}", f"{CHOSEN[:-1]}{number}", f"k{number}")
            for number in range(count)]  # fmt: skip


def test_a_worker_that_is_killed_is_replaced(golden: Path, tmp_path: Path) -> None:
    own = plan(golden, tmp_path / "fleet")
    killed: list[int] = []
    with Pool(own, jobs=2) as pool:

        def started(machine: FleetMachine) -> None:
            if machine.name == "WS-3" and not killed:
                killed.append(next(iter(pool._workers)).pid)
                os.kill(killed[0], signal.SIGKILL)

        answers = list(pool.run(wanted(8), started))
    assert killed
    assert sorted(machine.name for machine, _ in answers) == [f"WS-{n}" for n in range(8)]
    assert all(said["made"] for _, said in answers)


def test_a_worker_that_is_killed_while_it_starts_is_replaced(golden: Path, tmp_path: Path) -> None:
    own = plan(golden, tmp_path / "fleet")
    killed: list[int] = []

    class Mortal(Worker):
        def __init__(self, plan: ClonePlan) -> None:
            super().__init__(plan)
            if not killed:
                killed.append(self.pid)
                os.kill(self.pid, signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patch, Pool(own, jobs=1) as pool:
        patch.setattr("reseal.clone.pool.Worker", Mortal)
        answers = list(pool.run(wanted(2), lambda _: None))
    assert killed
    assert [said.get("error") for _, said in answers] == [None, None]


def test_workers_that_never_start_end_the_run(golden: Path, tmp_path: Path) -> None:
    own = plan(golden, tmp_path / "fleet")

    class Stillborn(Worker):
        def __init__(self, plan: ClonePlan) -> None:
            super().__init__(plan)
            os.kill(self.pid, signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patch, Pool(own, jobs=2) as pool:
        patch.setattr("reseal.clone.pool.Worker", Stillborn)
        with pytest.raises(WorkerError, match="ended early"):
            list(pool.run(wanted(2), lambda _: None))


def test_clones_give_up_shadow_copies_as_every_change_does(tmp_path: Path) -> None:
    golden = machines.golden(tmp_path / "golden.qcow2")
    # What Windows calls the file of a shadow copy; the image gets it as any other file.
    store = rf"System Volume Information\{{0}}{shadow_copies.IDENTIFIER}"
    made = judges.reseal("customize", golden, "--quiet", "--write", f"/{store}:1")
    assert made.returncode == 0, made.stderr
    folder = tmp_path / "fleet"
    fleet = table(tmp_path / "fleet.csv", "name", "WS-1")
    run(golden, fleet, folder)
    (entry,) = record(folder)
    look = prove(entry, folder, tmp_path / "look")
    assert look.volume.read(r"Windows\explorer.exe")
    with pytest.raises(subprocess.CalledProcessError):
        look.volume.read(store)


def test_a_clone_that_is_not_the_long_way_is_noticed(golden: Path, tmp_path: Path) -> None:
    own = plan(golden, tmp_path / "fleet")
    (machine,) = wanted(1)
    with Pool(own, jobs=1) as pool:
        assert ["made" in said for _, said in pool.run([machine], lambda _: None)] == [True]
    assert differences(machine, own) == []
    other = FleetMachine(machine.name, f"{CHOSEN[:-1]}5", "another key")
    found = differences(other, own)
    assert {"the hive SYSTEM differs", "the hive SOFTWARE differs"} <= set(found)


def test_python_gets_results_as_they_come(golden: Path, tmp_path: Path) -> None:
    said: list[dict[str, Any]] = []
    rows = [{"name": "A"}, {"name": "*"}, {"name": "C", "owner": "Ben"}]
    made = clone(golden, rows, tmp_path / "fleet", CloneOptions(jobs=1, sample=False), said.append)
    assert not (tmp_path / "fleet").exists()
    first = next(made)
    assert (first.entry.name, first.fresh, first.error) == ("A", True, None)
    assert (tmp_path / "fleet" / "A.qcow2").exists()
    # Who has enough stops; what is made stays, and the rest is made when it is asked for again.
    made.close()
    names = [
        one.entry.name for one in clone(golden, rows, tmp_path / "fleet", CloneOptions(jobs=1))
    ]
    assert len(names) == 3
    assert {"planned": 3} in said
    assert {"started": "A"} in said


@pytest.mark.corpus
def test_clones_of_a_real_machine(corpus: Path, tmp_path: Path) -> None:
    golden, folder = tmp_path / "golden.qcow2", tmp_path / "fleet"
    real_machine.build(corpus, golden)
    judges.generalize(golden)
    done = run(golden, table(tmp_path / "fleet.csv", "name,sid", f"A,{CHOSEN}", "B,"), folder)
    assert (done["made"], done["failed"]) == (2, 0)
    # One of them was compared with the same machine made by `reseal specialize`.
    assert json.loads((folder / "fleet.json").read_text())["sampled"]["differences"] == []
    first, second = record(folder)
    prove(first, folder, tmp_path / "look")
    assert first["identity"]["machine_sid"] == CHOSEN
    assert second["identity"]["machine_guid"] != first["identity"]["machine_guid"]
