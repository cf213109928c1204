"""A qcow2 with internal snapshots, each of which holds the old disk, whole."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from reseal.disk.formats import read_header
from reseal.testing.machine import Machine
from reseal.testing.windows import windows
from tests.end_to_end import judges

NAME = "QHXKWVZNPLRTMBJ"


def run(*command: str | Path) -> str:
    done = subprocess.run([str(one) for one in command], check=True, capture_output=True, text=True)
    return done.stdout


def snapshots(image: Path) -> list[str]:
    """What qemu-img lists."""
    shown = json.loads(run("qemu-img", "info", "--output=json", image))
    return [one["name"] for one in shown.get("snapshots", [])]


def said(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join((done.stdout + done.stderr).split())


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("snapshots") / "image.qcow2"
    windows(path, Machine(computer_name=NAME), size=48 << 20)
    for name in ("before", "a second one"):
        run("qemu-img", "snapshot", "-c", name, path)
    return path


@pytest.fixture
def image(golden: Path, tmp_path: Path) -> Path:
    path = tmp_path / "image.qcow2"
    shutil.copyfile(golden, path)
    return path


COMMANDS = (
    ("generalize",),
    ("sid", "--new", "--yes"),
    ("customize", "--wipe-free"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one[0])
@pytest.mark.parametrize("dry", [False, True])
def test_a_change_in_place_names_what_brings_the_old_disk_back(
    image: Path, command: tuple[str, ...], dry: bool
) -> None:
    more = ("--dry-run",) if dry else ()
    done = judges.reseal(command[0], image, *command[1:], *more)
    assert done.returncode == 0, done.stderr
    assert "holds internal snapshots that this run does not change: before, a second one" in said(
        done
    )
    assert snapshots(image) == ["before", "a second one"]


def test_verify_is_not_clean_and_names_them(image: Path, tmp_path: Path) -> None:
    identity = tmp_path / "identity.json"
    arguments = ("--save-identity", identity, "--quiet")
    assert judges.reseal("generalize", image, *arguments).returncode == 0
    done = judges.reseal("verify", image, "--identity", identity, "--quiet")
    assert done.returncode == 3
    assert "Internal snapshots were not searched: before, a second one." in said(done)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one[0])
def test_they_are_deleted_in_the_same_run_and_their_bytes_with_them(
    image: Path, command: tuple[str, ...]
) -> None:
    name = NAME.encode("utf-16-le")
    assert image.read_bytes().count(name) > 0
    arguments = (*command[1:], "--delete-snapshots", "--verbose")
    done = judges.reseal(command[0], image, *arguments)
    assert done.returncode == 0, done.stderr
    assert "are deleted: before, a second one" in said(done)
    assert snapshots(image) == []
    run("qemu-img", "check", image)
    assert sorted(one.name for one in image.parent.iterdir()) == ["image.qcow2"]


def test_the_old_name_is_nowhere_in_the_file_afterwards(image: Path) -> None:
    arguments = ("--wipe-free", "--delete-snapshots")
    done = judges.reseal("generalize", image, *arguments)
    assert done.returncode == 0, done.stderr
    assert NAME.encode("utf-16-le") not in image.read_bytes()


def test_a_run_that_has_nothing_else_to_do_still_deletes_them(image: Path) -> None:
    assert judges.reseal("generalize", image, "--quiet").returncode == 0
    done = judges.reseal("generalize", image, "--delete-snapshots")
    assert done.returncode == 0, done.stderr
    assert snapshots(image) == []
    assert judges.reseal("verify", image, "--quiet").returncode == 0


@pytest.mark.parametrize("suffix", ["qcow2", "raw", "vhdx"])
def test_a_new_image_has_none_and_that_is_said(image: Path, suffix: str, tmp_path: Path) -> None:
    new = tmp_path / f"new.{suffix}"
    done = judges.reseal("generalize", image, "--output", new, "--verbose")
    assert done.returncode == 0, done.stderr
    assert "The new image has no internal snapshots" in said(done)
    assert snapshots(new) == []
    assert snapshots(image) == ["before", "a second one"]
    assert judges.reseal("verify", new, "--quiet").returncode == 0


def test_those_of_a_backing_file_are_named_and_stay(image: Path) -> None:
    over = image.with_name("over.qcow2")
    run("qemu-img", "create", "-q", "-f", "qcow2", "-b", image.name, "-F", "qcow2", over)
    done = judges.reseal("generalize", over, "--delete-snapshots", "--verbose")
    assert done.returncode == 0, done.stderr
    assert "Backing files hold internal snapshots, which stay: before in image.qcow2" in said(done)
    assert snapshots(image) == ["before", "a second one"]
    assert judges.reseal("verify", over, "--quiet").returncode == 3


def test_names_are_read_as_qemu_reads_them(image: Path, tmp_path: Path) -> None:
    for name in ("zweiter Stand, äöü", "-d", "before"):
        run("qemu-img", "snapshot", "-c", name, image)
    assert list(read_header(image).snapshots) == snapshots(image)
    done = judges.reseal("generalize", image, "--delete-snapshots")
    assert done.returncode == 0, done.stderr
    assert snapshots(image) == []


def test_a_damaged_table_is_refused(image: Path) -> None:
    with image.open("r+b") as file:
        file.seek(60)
        file.write((1 << 31).to_bytes(4, "big"))
    done = judges.reseal("inspect", image)
    assert done.returncode != 0
    assert "snapshots" in done.stderr
