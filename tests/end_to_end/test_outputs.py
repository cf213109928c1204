"""What a run leaves on this computer: written before the image changes, and lost by nothing after it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from reseal.disk import DiskError, Image
from reseal.disk.merge import InterruptedMergeError
from reseal.disk.shrink import ShrinkError
from reseal.errors import UsageError
from reseal.operations.customize import Customize, CustomizeRequest
from reseal.operations.generalize import Generalize, GeneralizeRequest
from reseal.operations.operation import run
from reseal.run.outputs import Outputs
from reseal.testing.windows import windows

FILE = r"\Windows\copied.txt"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "images" / "machine.qcow2"
    path.parent.mkdir()
    windows(path)
    return path


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def fail(*_: object, **__: object) -> None:
    raise ShrinkError("no space is left", "Free some.")


def interrupt(*_: object, **__: object) -> None:
    raise InterruptedMergeError("the merge was interrupted")


@pytest.mark.parametrize("moment", ["shrink", "merge"])
def test_a_failure_after_the_change_costs_no_output(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    identity = tmp_path / "identity.json"
    request = GeneralizeRequest(save_identity=identity, steps=(("shrink",),))
    if moment == "shrink":
        monkeypatch.setattr("reseal.run.disk.shrink", fail)
        record = run(image, Generalize(request))
        assert record["failed_afterwards"]["message"] == "no space is left"  # type: ignore[typeddict-item]
    else:
        monkeypatch.setattr("reseal.disk.merge.InPlace.commit", interrupt)
        with pytest.raises(InterruptedMergeError):
            run(image, Generalize(request))
    assert "machine_sid" in json.loads(identity.read_text())
    assert identity.stat().st_mode & 0o777 == 0o600
    assert names(tmp_path) == ["identity.json", "images"]


def test_an_output_that_can_not_be_written_stops_the_run_first(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = image.read_bytes()

    def full(*_: object) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("reseal.run.outputs._write", full)
    with pytest.raises(UsageError, match="The image was not changed"):
        run(image, Generalize(GeneralizeRequest(save_identity=tmp_path / "identity.json")))
    assert image.read_bytes() == before
    assert names(tmp_path) == ["images"]


@pytest.mark.parametrize("what", ["itself", "journal", "symbolic link", "hard link", "below"])
def test_no_output_is_what_the_run_needs(image: Path, tmp_path: Path, what: str) -> None:
    before, target = image.read_bytes(), image
    if what == "journal":
        target = image.with_name(f".{image.name}.reseal-journal")
    elif what == "symbolic link":
        target = tmp_path / "link.json"
        target.symlink_to(image)
    elif what == "hard link":
        target = tmp_path / "hard.json"
        target.hardlink_to(image)
    elif what == "below":
        command = f"qemu-img create -q -f qcow2 -F qcow2 -b {image.name}".split()
        os.spawnlp(os.P_WAIT, command[0], *command, str(image.with_name("top.qcow2")))
        image = image.with_name("top.qcow2")
    with pytest.raises((UsageError, DiskError)):
        run(image, Generalize(GeneralizeRequest(save_identity=target)))
    if what != "below":
        assert image.read_bytes() == before


def test_two_outputs_are_two_files(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to(tmp_path / "one.json")
    kept = Outputs()
    kept.add(tmp_path / "one.json", lambda _: "one")
    for other in ("one.json", "link.json", "../" + tmp_path.name + "/one.json"):
        with pytest.raises(UsageError):
            kept.add(tmp_path / other, lambda _: "two")
    kept.publish({})
    assert (tmp_path / "one.json").read_text() == "one"


@pytest.mark.parametrize("what", ["fifo", "folder", "missing folder"])
def test_an_output_that_is_no_file_is_refused_at_once(tmp_path: Path, what: str) -> None:
    path = tmp_path / "out.json"
    if what == "fifo":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    else:
        path = tmp_path / "none" / "out.json"
    with pytest.raises(UsageError, match="can't be written"):
        Outputs().add(path, lambda _: "")


def test_a_replaced_report_keeps_its_mode_and_an_identity_is_private(tmp_path: Path) -> None:
    for private, mode in ((False, 0o640), (True, 0o600)):
        path = tmp_path / f"{private}.json"
        path.write_text("old")
        path.chmod(0o640)
        kept = Outputs()
        kept.add(path, lambda _: "new", private=private)
        kept.stage({})
        assert path.read_text() == "old"
        assert kept.publish() == [str(path)]
        assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", mode)


@pytest.mark.parametrize("appeared", ["file", "folder", "dangling link"])
def test_a_target_that_appears_meanwhile_does_not_cost_the_copy(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, appeared: str
) -> None:
    target, other = tmp_path / "copy", tmp_path / "other"
    source = r"\Windows\System32\config\SYSTEM"
    steps = (("copy-out", f"{source}:{target}"), ("copy-out", f"{source}:{other}"))
    committing = Image.close

    def appear(opened: Image) -> None:
        committing(opened)
        if appeared == "file":
            target.write_text("precious")
        elif appeared == "folder":
            target.mkdir()
        else:
            target.symlink_to(tmp_path / "nowhere")

    monkeypatch.setattr(Image, "close", appear)
    with pytest.raises(UsageError, match="a target was created") as raised:
        run(image, Customize(CustomizeRequest(steps=steps)))
    monkeypatch.undo()
    kept = Path(raised.value.message.rpartition(" is in ")[2].rstrip("."))
    assert kept.read_bytes().startswith(b"regf")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert other.read_bytes() == kept.read_bytes()
    if appeared == "file":
        assert target.read_text() == "precious"
    shutil.rmtree(kept.parent)
