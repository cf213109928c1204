"""The sample image from end to end, with nothing but the project at hand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from reseal.testing.machine import (
    Machine,
    default_hive,
    security_hive,
    software_hive,
    system_hive,
    user_hive,
)
from tests.end_to_end import judges

Untouched = Callable[[Path], Callable[[], None]]
ADMINISTRATOR = str(Machine().sid.relative(500))


def test_the_sample_is_generalized_and_nothing_else_changed(sample: Path, tmp_path: Path) -> None:
    machine = Machine()
    hives = {
        "SYSTEM": system_hive(machine),
        "SOFTWARE": software_hive(machine),
        "SECURITY": security_hive(machine),
        "DEFAULT": default_hive(),
        ADMINISTRATOR: user_hive(machine, 500),
    }
    paths = judges.HIVES | {ADMINISTRATOR: r"Users\Administrator\NTUSER.DAT"}
    record = judges.generalize(sample)
    assert set(record["written"]["hives"]) == set(hives)
    volume = judges.Volume.of(sample, tmp_path)
    assert volume.is_clean()
    for name, data in hives.items():
        after = judges.agreed(volume.read(paths[name]))
        assert judges.unexplained(judges.agreed(data), after, record["changes"], name) == set()
    assert volume.read(r"Windows\System32\config\SAM")[:4] == b"regf"


def test_files_are_counted_and_existing_ones_are_overwritten(sample: Path) -> None:
    files = judges.generalize(sample)["written"]["files"]
    # Created: the tag file. Overwritten: State.ini, Sysprep's log and the cached answer file.
    # Renamed: three machine keys.
    assert files["files_created"] == 1
    assert files["files_overwritten"] == 3
    assert files["files_renamed"] == 3
    assert files["files_deleted"] == 12


def test_inspect_tells_before_from_after(sample: Path) -> None:
    before = json.loads(judges.reseal("inspect", sample, "--json").stdout)
    judges.generalize(sample, "--audit")
    after = json.loads(judges.reseal("inspect", sample, "--json").stdout)
    assert before["image"] == {
        "path": str(sample), "format": "qcow2", "size": before["image"]["size"],
    }  # fmt: skip
    assert before["windows"] == [
        {
            "volume": 1, "root": "Windows", "product_name": "Windows 11 Pro",
            "edition": "Professional", "version": "23H2", "build": 22631,
            "architecture": "amd64", "install_type": "Client",
        }
    ]  # fmt: skip
    machine = Machine()
    assert before["identity"] == {
        "computer_name": machine.computer_name,
        "machine_sid": str(machine.sid),
        "new_sid_at_next_boot": False,
        "machine_guid": machine.machine_guid,
        "domain": {"joined": False, "name": None},
    }
    assert before["state"]["image_state"] == "IMAGE_STATE_COMPLETE"
    assert after["state"] == {
        "image_state": "IMAGE_STATE_GENERALIZE_RESEAL_TO_AUDIT",
        "generalization_state": 4,
        "setup_type": 2,
        "cmd_line": r"oobe\windeploy.exe",
        "oobe_in_progress": 1,
        "audit_boot": 1,
    }
    assert after["identity"]["new_sid_at_next_boot"] is True
    assert after["identity"]["computer_name"] != machine.computer_name
    assert after["identity"]["machine_guid"] != machine.machine_guid
    assert set(after["hives"]) >= {"SYSTEM", "SOFTWARE", "SAM", "SECURITY", "DEFAULT"}
    assert all(not hive["dirty"] for hive in after["hives"].values())


def test_a_dry_run_tells_all_and_writes_nothing(sample: Path, untouched: Untouched) -> None:
    check = untouched(sample)
    dry = judges.generalize(sample, "--dry-run")
    check()
    assert dry["result"] == "dry run"
    assert dry["written"] is None
    real = judges.generalize(sample)
    told = [(one["provider"], one["kind"], one["target"]) for one in dry["changes"]]
    assert told == [(one["provider"], one["kind"], one["target"]) for one in real["changes"]]


def test_a_second_run_changes_nothing_and_says_so(sample: Path, untouched: Untouched) -> None:
    judges.generalize(sample)
    check = untouched(sample)
    again = judges.generalize(sample)
    check()
    assert again["result"] == "already generalized"
    assert again["changes"] == []


@pytest.mark.parametrize("suffix", ["qcow2", "vhdx", "vhd", "vmdk", "vdi", "raw"])
def test_a_new_image_is_written_beside_the_old_one(
    sample: Path, suffix: str, tmp_path: Path, untouched: Untouched
) -> None:
    check = untouched(sample)
    output = tmp_path / f"new.{suffix}"
    judges.generalize(sample, "--output", output)
    check()
    record = json.loads(judges.reseal("inspect", output, "--json").stdout)
    assert record["image"]["format"] == suffix
    assert record["state"]["generalization_state"] == 4


def test_a_thin_output_is_an_overlay_over_the_image(sample: Path, tmp_path: Path) -> None:
    output = sample.parent / "thin.qcow2"
    judges.generalize(sample, "--output", output, "--thin")
    facts = json.loads(
        subprocess.run(
            ["qemu-img", "info", "--output=json", output], check=True, capture_output=True
        ).stdout
    )
    assert facts["full-backing-filename"] == str(sample)
    assert output.stat().st_size < sample.stat().st_size
    record = json.loads(judges.reseal("inspect", output, "--json").stdout)
    assert record["state"]["generalization_state"] == 4


def test_the_record_is_kept_where_it_is_asked_for(sample: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    record = judges.generalize(sample, "--report", report)
    assert json.loads(report.read_text()) == record
    assert report.stat().st_mode & 0o077 == 0


def test_every_documented_field_of_the_record_is_there(sample: Path) -> None:
    record = judges.generalize(sample)
    assert {"result", "image", "checks", "changes", "coverage", "timings"} <= set(record)
    assert set(record["coverage"]) == {
        "declarative", "emulated", "left_to_windows", "not_carried_out", "nothing_to_do", "unknown",
        "disabled",
    }  # fmt: skip
    for change in record["changes"]:
        assert set(change) == {"provider", "kind", "target", "before", "after", "mark"}
        assert change["mark"] in {"documented", "seen", "reported", "inferred"}
    assert all(0 <= seconds < 600 for seconds in record["timings"].values())


def test_the_volume_can_be_left_for_chkdsk(sample: Path, tmp_path: Path) -> None:
    judges.generalize(sample, "--chkdsk-at-boot")
    volume = judges.Volume.of(sample, tmp_path)
    shown = subprocess.run(
        ["ntfsinfo", "-m", "-f", volume.path], check=True, capture_output=True, text=True
    )
    assert "Volume Flags: 0x0001 DIRTY" in shown.stdout


def test_it_runs_as_an_ordinary_user(golden_sample: Path) -> None:
    """No privileges, no /dev/fuse, no mounts, no KVM: all of them need root here."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "sample.qcow2"
        shutil.copyfile(golden_sample, image)
        command = [str(judges.RESEAL), "generalize", str(image), "--json", "--quiet"]
        if os.getuid() == 0:
            os.chown(folder, 65534, 65534)
            os.chown(image, 65534, 65534)
            drop = [
                "setpriv",
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
                "--inh-caps=-all",
            ]
            drop += ["--bounding-set=-all", "--no-new-privs"]
            if subprocess.run([*drop, command[0], "--version"], check=False).returncode:
                pytest.skip("the interpreter lies where nobody else may run it")
            command = drop + command
            for device in ("/dev/fuse", "/dev/kvm"):
                opened = subprocess.run([*drop, "sh", "-c", f": < {device}"], check=False)
                assert opened.returncode != 0
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, env=environment, timeout=120
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["result"] == "generalized"


def test_no_trace_is_left_beside_the_image(sample: Path) -> None:
    judges.generalize(sample)
    assert [one.name for one in sample.parent.iterdir()] == [sample.name]


def test_a_relative_path_and_odd_names_work(golden_sample: Path, tmp_path: Path) -> None:
    name = "an odd, name: with=signs 100%.qcow2"
    shutil.copyfile(golden_sample, tmp_path / name)
    done = judges.reseal("generalize", name, "--quiet", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
