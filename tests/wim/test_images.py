"""Images of a WIM as input of the commands: one image changes, the others don't."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reseal.testing.volumes import ntfs_volume
from tests.end_to_end.judges import RESEAL, reseal
from tests.faults import supervisor
from tests.ntfs.judges import run
from tests.wim import oracle
from tests.wim.conftest import MIB
from tests.wim.layout import images, layout

_CHANGING = re.compile(
    r"<(DIRCOUNT|FILECOUNT|TOTALBYTES|HARDLINKBYTES)>.*?</\1>|<LASTMODIFICATIONTIME>.*?</LAST\w+>"
)


def call(*arguments: str | Path) -> dict[str, Any]:
    """Run a command that works, and return its record."""
    done = reseal(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    record: dict[str, Any] = json.loads(done.stdout)
    return record


def applied(wim: Path, index: int, folder: Path) -> dict[str, oracle.Entry]:
    """What wimlib-imagex applies of an image, read by dissect."""
    volume = folder / f"applied-{index}.raw"
    ntfs_volume(volume, 96 * MIB)
    done = run("wimlib-imagex", "apply", wim, str(index), volume)
    assert done.returncode == 0, done.stderr
    found = oracle.volume(volume)
    volume.unlink()
    return found


def test_one_of_three_images_is_generalized(three: Path, tmp_path: Path) -> None:
    before, size = layout(three), three.stat().st_size
    old = [applied(three, index, tmp_path) for index in (1, 2, 3)]
    record = call("generalize", three, "--index", "2")
    assert record["result"] == "generalized"
    assert record["image"]["index"] == 2

    # The others: byte for byte, metadata and files.
    after = layout(three)
    assert [path.name for path in three.parent.iterdir()] == [three.name]
    assert (after.metadata[0], after.metadata[2]) == (before.metadata[0], before.metadata[2])
    assert after.metadata[1] != before.metadata[1]
    assert all(after.blobs[one] == before.blobs[one] for one in after.blobs.keys() & before.blobs)
    assert images(after.xml)[::2] == images(before.xml)[::2]
    assert applied(three, 1, tmp_path) == old[0]
    assert applied(three, 3, tmp_path) == old[2]

    # The one: name, description and all that is known of it stay; only what changed is new.
    own = [_CHANGING.sub("", images(one.xml)[1]) for one in (before, after)]
    assert own[0] == own[1]
    assert "<DESCRIPTION>The one</DESCRIPTION>" in own[1]
    new = applied(three, 2, tmp_path)
    changed = {
        path: entry
        for path, entry in new.items()
        if not entry.directory and (path not in old[1] or entry.streams != old[1][path].streams)
    }
    added = after.blobs.keys() - before.blobs.keys()
    contents = {entry.streams[""] for entry in changed.values()} - {b""}
    assert len(added) <= len(contents)
    assert len(changed) < 30
    kept = old[1].keys() & new.keys() - changed.keys()
    assert r"Program Files\big.bin" in kept
    for path in kept:
        for field in ("descriptor", "short_name", "reparse", "streams"):
            assert getattr(new[path], field) == getattr(old[1][path], field), path
    # It grows by what is new and shrinks by what no image needs any more.
    grown = sum(len(after.blobs[one]) for one in added)
    gone = sum(len(before.blobs[one]) for one in before.blobs.keys() - after.blobs.keys())
    expected = size + grown - gone
    assert abs(three.stat().st_size - expected) < 8192

    # The file: its integrity table and its identity stay, and wimverify finds nothing.
    assert (after.integrity, after.guid) == (True, before.guid)
    assert run("wimverify", three).returncode == 0
    state = call("inspect", three, "--index", "2")["state"]
    assert state["image_state"] == "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
    for index in ("1", "3"):
        shown = call("inspect", three, "--index", index)
        assert shown["state"]["image_state"] == "IMAGE_STATE_COMPLETE"


def test_the_other_commands_take_images_of_a_wim(three: Path, tmp_path: Path) -> None:
    assert call("check", three, "--index", "1")["image"]["format"] == "wim"
    old = call("sid", three, "--index", "3")["machine_sid"]
    call("sid", three, "--index", "1", "--new", "--yes")
    assert call("sid", three, "--index", "1")["machine_sid"] != old
    assert call("sid", three, "--index", "3")["machine_sid"] == old
    answers = tmp_path / "unattend.xml"
    answers.write_bytes(
        b'<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="oobeSystem">'
        b'<component name="Microsoft-Windows-Shell-Setup" processorArchitecture="amd64" '
        b'publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS">'
        b"<TimeZone>UTC</TimeZone></component></settings></unattend>"
    )
    call("unattend", "apply", three, answers, "--index", "2")
    placed = applied(three, 2, tmp_path)
    assert any(b"<TimeZone>UTC" in one.streams.get("", b"") for one in placed.values())
    call("boot", three, "--index", "3", "--audit")
    call("generalize", three, "--index", "1")
    assert call("verify", three, "--index", "1")["result"] == "as after Sysprep"
    assert run("wimverify", three).returncode == 0


def test_sysprep_s_command_line_with_an_index(three: Path) -> None:
    before = [call("inspect", three, "--index", index)["state"] for index in "123"]
    generalized = reseal("sysprep", three, "/generalize", "/oobe", "/quiet", "--index", "2")
    assert generalized.returncode == 0, generalized.stderr
    audited = reseal("sysprep", three, "--index", "3", "/audit", "/quit", "/quiet")
    assert audited.returncode == 0, audited.stderr
    first, second, third = (call("inspect", three, "--index", index)["state"] for index in "123")
    assert first == before[0]
    assert second["image_state"] == "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
    assert third["image_state"] == "IMAGE_STATE_SPECIALIZE_RESEAL_TO_AUDIT"
    assert reseal("sysprep", three, "--index", "4", "/oobe").returncode == 4


def test_an_output_leaves_the_wim_alone(three: Path) -> None:
    data, output = three.read_bytes(), three.with_name("out.wim")
    call("generalize", three, "--index", "2", "--output", output)
    assert three.read_bytes() == data
    assert run("wimverify", output).returncode == 0
    assert layout(output).metadata[0] == layout(three).metadata[0]


def test_a_dry_run_leaves_the_wim_alone(three: Path) -> None:
    data = three.read_bytes()
    assert call("generalize", three, "--index", "2", "--dry-run")["result"] == "dry run"
    assert three.read_bytes() == data


@pytest.mark.parametrize("solid", [False, True])
def test_an_esd_and_a_wim_keep_their_compression(
    sample: Path, tmp_path: Path, *, solid: bool
) -> None:
    wim = tmp_path / "x.esd"
    kind = ["--solid"] if solid else ["--compress", "xpress"]
    call("capture", sample, wim, *kind)
    before = run("wiminfo", wim, "--header").stdout
    call("generalize", wim)
    after = run("wiminfo", wim, "--header").stdout
    for line in ("Flags", "Version", "Chunk Size"):
        pattern = re.compile(rf"^{line}.*$", re.MULTILINE)
        assert pattern.findall(before) == pattern.findall(after) != [], line
    assert run("wimverify", wim).returncode == 0


def test_a_split_wim_is_read(three: Path) -> None:
    first = three.with_name("split.swm")
    assert run("wimsplit", three, first, "0.02").returncode == 0
    assert first.with_name("split2.swm").exists()
    assert call("inspect", first, "--index", "2")["identity"]["computer_name"] == "OTHER"
    done = reseal("generalize", first, "--index", "2")
    assert done.returncode == 4
    assert "split WIM, which reseal can read but not change" in done.stderr
    first.with_name("split2.swm").unlink()
    done = reseal("inspect", first, "--index", "2")
    assert done.returncode == 4
    assert "split2.swm is missing" in done.stderr


def test_a_run_that_is_killed_leaves_nothing(three: Path, tmp_path: Path) -> None:
    """Whatever it was doing: the WIM is as it was, or done, and nothing lies beside it."""
    before, old = three.read_bytes(), tmp_path / "old.wim"
    old.write_bytes(before)
    for moment in ("Extracting the files", "Arming the next boot", "Writing the files"):
        command = [str(RESEAL), "generalize", str(three), "--index", "2"]
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr
            for line in process.stderr:
                if line.startswith(moment):
                    process.kill()
                    break
            else:
                pytest.fail(f"{moment} was never told")
        assert [path.name for path in three.parent.iterdir()] == [three.name]
        # The last step may be done before the signal arrives.
        if moment != "Writing the files" or three.read_bytes() == before:
            assert three.read_bytes() == before
        else:
            assert run("wimverify", three).returncode == 0
            assert layout(three).metadata[::2] == layout(old).metadata[::2]


@pytest.mark.skipif(not supervisor.available(), reason="this system can't supervise system calls")
def test_a_worker_that_is_killed_leaves_nothing(three: Path, tmp_path: Path) -> None:
    """Between getting a temporary name and replacing the WIM, too."""
    kept = shutil.copyfile(three, tmp_path / "kept.wim")
    command: list[str | Path] = [RESEAL, "boot", three, "--index", "1", "--audit", "--quiet"]
    calls = supervisor.command(command, three.parent, None).calls
    moments = [
        number for number, call in enumerate(calls) if call.startswith(("linkat ", "rename "))
    ]
    assert len(moments) == 2
    for number in moments:
        shutil.copyfile(kept, three)
        outcome = supervisor.command(command, three.parent, supervisor.Fault(number, "crash"))
        assert outcome.code == 4
        assert three.read_bytes() == kept.read_bytes()
        assert [path.name for path in three.parent.iterdir()] == [three.name]


def test_what_the_header_says_stays(three: Path) -> None:
    assert run("wiminfo", three, "2", "--boot").returncode == 0
    before = run("wiminfo", three, "--header").stdout
    call("boot", three, "--index", "1", "--audit")
    after = run("wiminfo", three, "--header").stdout
    kept = re.compile(r"^(Flags|Version|Chunk Size|GUID|Image Count|Boot Index).*$", re.MULTILINE)
    shown = [[one[0] for one in kept.finditer(text)] for text in (before, after)]
    assert shown[0] == shown[1]
    assert any("2" in line for line in shown[0] if line.startswith("Boot Index"))
