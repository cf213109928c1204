"""An image opened from Python: staged, committed or left, and what goes wrong in between."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import reseal
from reseal.api import service
from reseal.errors import CheckError, ImageError, UsageError
from reseal.operations.record import SCHEMA
from reseal.session import Mark
from reseal.testing.machine import Machine
from reseal.testing.windows import windows
from tests.end_to_end import judges
from tests.end_to_end.test_record import problems
from tests.oracles import hivex

NAME = r"HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName"
KEY = r"HKLM\SOFTWARE\Example"


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("golden") / "sample.qcow2"
    windows(path, Machine(control_sets=(1, 2)))
    return path


@pytest.fixture
def image(golden: Path, tmp_path: Path) -> Path:
    path = tmp_path / "image.qcow2"
    shutil.copyfile(golden, path)
    return path


def test_what_is_committed_is_read_by_others(image: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    with reseal.open(image) as opened:
        assert opened.facts["build"] == Machine().build
        assert opened.value(NAME, "ComputerName") == Machine().computer_name
        opened.set_text(NAME, "ComputerName", "FROM-PYTHON")
        opened.set_number(KEY, "Number", 7)
        opened.set_strings(KEY, "Several", ["one", "two"])
        opened.set_value(KEY, "Bytes", 3, b"\0\xff")
        opened.write_file(r"Windows\Example.bin", b"\0\xff" * 5000)
        assert opened.value(NAME, "ComputerName") == "FROM-PYTHON"
        assert opened.values(KEY) == {"Number": 7, "Several": ["one", "two"], "Bytes": b"\0\xff"}
        assert opened.read_file(r"Windows\Example.bin") == b"\0\xff" * 5000
        assert "Example" in opened.subkeys(r"HKLM\SOFTWARE")
        assert [one.kind for one in opened.changes] == ["set_value"] * 5 + ["write_file"]
        assert {one.mark for one in opened.changes} == {Mark.INFERRED}
        record = opened.commit(report=[report])
        with pytest.raises(UsageError, match="is not open"):
            opened.commit()
    assert record["result"] == "changed"
    assert record["schema"] == SCHEMA
    assert problems(record) == []
    assert json.loads(report.read_text()) == record
    volume = judges.Volume.of(image, tmp_path)
    assert volume.is_clean()
    tree = hivex(volume.read(judges.HIVES["SYSTEM"]))
    for control_set in ("ControlSet001", "ControlSet002"):
        name = tree[rf"{control_set}\Control\ComputerName\ComputerName"]["ComputerName"][1]
        assert name.decode("utf-16-le") == "FROM-PYTHON\0"
    assert volume.read(r"Windows\Example.bin") == b"\0\xff" * 5000


def test_without_commit_and_after_an_exception_nothing_is_written(image: Path) -> None:
    before, beside = image.read_bytes(), sorted(image.parent.iterdir())
    with reseal.open(image) as opened:
        assert opened.delete_key(r"HKLM\SOFTWARE\Microsoft")
    with pytest.raises(ImageError), reseal.open(image) as opened:  # noqa: PT012
        opened.delete_tree(r"Users\Alice")
        opened.read_file(r"Windows\none.exe")
    with reseal.open(image, dry_run=True) as opened:
        opened.generalize()
        assert opened.commit()["result"] == "dry run"
    assert image.read_bytes() == before
    assert sorted(image.parent.iterdir()) == beside


def test_generalize_and_a_new_image(image: Path, tmp_path: Path) -> None:
    before, output = image.read_bytes(), tmp_path / "out.vhdx"
    with reseal.open(image, output=output) as opened:
        opened.delete_tree(r"Users\Alice")
        opened.generalize("audit", disable=["event-logs"], sid_now=True)
        assert any(one.provider == "machine-guid" for one in opened.changes)
        assert opened.notes
        record = opened.commit()
    assert (record["result"], record["target"]) == ("generalized", "audit")
    assert problems(record) == []
    assert image.read_bytes() == before
    done = judges.reseal("verify", output, "--json", "--quiet")
    wrong = {one["target"] for one in json.loads(done.stdout)["armed"] if not one["correct"]}
    # The image says itself that its SID is a fresh one, so it needs no request for another.
    assert wrong == set()


@pytest.mark.parametrize("delete", [True, False])
def test_internal_snapshots_go_where_that_is_asked_for(image: Path, *, delete: bool) -> None:
    subprocess.run(["qemu-img", "snapshot", "-c", "before", image], check=True)
    with reseal.open(image, delete_snapshots=delete) as opened:
        opened.set_text(KEY, "Text", "new")
        record = opened.commit()
    listed = subprocess.run(["qemu-img", "snapshot", "-l", image], check=True, capture_output=True)
    assert (b"before" in listed.stdout) != delete
    assert any("internal snapshots" in note and "before" in note for note in record["notes"])


def test_a_wrong_call_is_said_and_the_session_goes_on(image: Path) -> None:
    with reseal.open(image) as opened:
        for wrong in (
            lambda: opened.subkeys(r"HKLM\SOFTWARE\None"),
            lambda: opened.run_provider("none"),
            lambda: opened.generalize("windows"),
            lambda: opened.generalize(enable=["none"]),
        ):
            with pytest.raises(UsageError):
                wrong()
        with pytest.raises(ImageError):
            opened.read_file(r"Windows\none")
        assert not opened.exists(r"Windows\none")
        assert not opened.changes
        opened.run_provider("recycle-bins")
        assert opened.commit()["result"] in {"changed", "unchanged"}
    with pytest.raises(UsageError, match="is not open"):
        opened.value(NAME, "ComputerName")


def test_what_can_t_be_opened_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "text.qcow2"
    path.write_text("no image")
    with pytest.raises(ImageError), reseal.open(path):
        pytest.fail("it was opened")


def test_a_check_forbids_generalize_as_on_the_command_line(image: Path) -> None:
    with reseal.open(image) as opened:
        opened.write_file(r"Windows\WinSxS\pending.xml", b"<PendingTransaction/>")
        opened.commit()
    with reseal.open(image) as opened, pytest.raises(CheckError):
        opened.generalize()
    with reseal.open(image, dry_run=True, force=["servicing"]) as opened:
        opened.generalize()


def test_an_engine_that_dies_is_an_error_and_an_untouched_image(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = service.Service._verbs

    def verbs(self: service.Service, session: Any) -> Any:
        return original(self, session) | {"exists": lambda _: os.kill(os.getpid(), signal.SIGSEGV)}

    monkeypatch.setattr(service.Service, "_verbs", verbs)
    before = image.read_bytes()
    with pytest.raises(ImageError, match="SIGSEGV"), reseal.open(image) as opened:  # noqa: PT012
        opened.set_text(KEY, "a", "b")
        opened.exists("Windows")
    assert image.read_bytes() == before


def test_importing_reseal_loads_no_engine() -> None:
    code = "import sys, reseal; print([one for one in sys.modules if one.startswith('reseal')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['reseal.version', 'reseal']"
