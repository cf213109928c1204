"""The rehearsal at the end of other commands, and `reseal rehearse` itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reseal.errors import CheckError, UsageError
from reseal.operations import Boot, BootRequest, Writing, run
from reseal.operations.rehearse import exit_code, rehearse, report_of
from reseal.operations.rehearsing import RehearseRequest, rehearsing
from reseal.report.outcome import shown
from reseal.testing.windows import windows
from tests.builders import session
from tests.rehearsal.samples import ARMED, healthy, walk


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("image") / "image.qcow2"
    windows(path, healthy(), firmware="uefi")
    return path


def test_a_run_that_has_to_pass_is_refused_and_the_image_stays(image: Path) -> None:
    before = image.read_bytes()
    writing = Writing(machine="kvm-virtio", require_rehearsal=True)
    with pytest.raises(CheckError, match="stage storage") as raised:
        run(image, Boot(BootRequest(oobe=True)), writing)
    assert raised.value.exit_code == 3
    assert image.read_bytes() == before


def test_a_run_records_what_the_staged_image_would_do(image: Path) -> None:
    record = run(image, Boot(BootRequest(oobe=True)), Writing(machine="kvm-virtio", dry_run=True))
    found = record["rehearsal"]  # type: ignore[typeddict-item]
    assert (found["verdict"], found["stage"], found["machine"]) == (
        "would stop", "storage", "kvm-virtio",
    )  # fmt: skip
    # The staged state counts: the image itself is not armed.
    setup = next(one for one in found["stages"] if one["name"] == "setup")
    assert setup["said"] != "Setup has nothing to do."
    lines = list(shown(record, ["the run"]))
    assert lines[0] == "the run"
    assert lines[1].startswith("Warning: Rehearsal: The boot would stop")
    assert lines[2].startswith("  What to do: ")


def test_a_run_without_a_rehearsal(image: Path) -> None:
    record = run(image, Boot(BootRequest(oobe=True)), Writing(no_rehearsal=True, dry_run=True))
    assert "rehearsal" not in record
    with pytest.raises(UsageError, match="excludes"):
        rehearsing(machine="kvm-sata", off=True)


def test_a_run_that_passes_says_so_after_its_outcome() -> None:
    record = {"rehearsal": walk(healthy())}
    assert list(shown(record, ["the run"]))[1].startswith("Rehearsal: Nothing")


def test_the_record_of_a_rehearsal(image: Path) -> None:
    record = rehearse(image, None, RehearseRequest(machine="kvm-sata"))
    assert [one["name"] for one in record["stages"]] == [
        "firmware", "secure-boot", "boot-manager", "loader", "storage", "session-manager",
        "logon", "setup", "oobe", "first-logon", "recovery",
    ]  # fmt: skip
    assert record["machine"] == "kvm-sata"
    assert record["windows"]["build"] == 22631
    assert exit_code(record) == 0
    kept = report_of(record)
    assert json.loads(json.dumps(kept))["rehearsal"]["verdict"] == "passes"


@pytest.mark.parametrize(
    ("verdict", "code", "unattended"),
    [("passes", 0, 0), ("would ask", 0, 3), ("would wait", 0, 3), ("would stop", 3, 3)],
)
def test_the_exit_code(verdict: str, code: int, unattended: int) -> None:
    record = {"verdict": verdict}
    assert exit_code(record) == code
    assert exit_code(record, unattended=True) == unattended


def test_an_armed_image_rehearses_its_first_boot() -> None:
    record = walk(healthy(armed=True))
    setup = next(one for one in record["stages"] if one["name"] == "setup")
    assert any("runs specialize" in one["text"] for one in setup["facts"])
    assert ARMED["Setup"]["SetupType"] == 2


def test_the_session_is_as_it_was() -> None:
    one = session(healthy())
    job = rehearsing()
    assert job
    job(one)
    assert not one.changes
    assert not one.edited_hives
