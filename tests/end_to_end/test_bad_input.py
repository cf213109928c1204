"""What goes wrong with images: a clear error, and the image untouched."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reseal.disk import FileDevice
from reseal.ntfs import Volume
from reseal.testing.disks import BASIC_DATA, convert, gpt_disk
from reseal.testing.machine import Machine, system_hive, tree
from reseal.testing.volumes import ntfs_volume, populate
from reseal.testing.windows import windows
from tests.end_to_end import judges

Untouched = Callable[[Path], Callable[[], None]]
MIB = 1 << 20


def _refused(image: Path, code: int, message: str, *arguments: str) -> str:
    """Generalize is refused with this exit code and message, and the image is as it was."""
    data, names = image.read_bytes(), sorted(one.name for one in image.parent.iterdir())
    done = judges.reseal("generalize", image, "--json", "--quiet", *arguments)
    assert done.returncode == code, (done.stdout, done.stderr)
    error = json.loads(done.stdout)["error"]
    assert error["exit_code"] == code
    assert re.search(message, error["message"]), error["message"]
    assert "Traceback" not in done.stderr
    if code != 2:
        assert image.name in error["message"], error["message"]
    assert image.read_bytes() == data
    assert sorted(one.name for one in image.parent.iterdir()) == names
    return str(error["message"]) + " " + str(error["hint"])


def _image(path: Path, machine: Machine) -> Path:
    windows(path, machine)
    return path


def _raw(path: Path) -> Path:
    windows(path, partitioned=False)
    return path


def test_a_file_that_is_no_image(tmp_path: Path) -> None:
    image = tmp_path / "letter.raw"
    image.write_text("Dear reader, this is no disk. " * 1000)
    _refused(image, 4, "no Windows|no volume|not|holds no")


def test_an_empty_file(tmp_path: Path) -> None:
    image = tmp_path / "empty.raw"
    image.write_bytes(b"")
    _refused(image, 4, "empty")


def test_an_image_that_does_not_exist(tmp_path: Path) -> None:
    done = judges.reseal("generalize", tmp_path / "none.qcow2")
    assert done.returncode == 4
    assert "none.qcow2" in done.stderr


@pytest.mark.parametrize("suffix", ["qcow2", "raw", "vhdx", "vhd", "vmdk"])
def test_a_truncated_image(tmp_path: Path, suffix: str) -> None:
    image = _image(tmp_path / f"cut.{suffix}", Machine())
    size = image.stat().st_size
    os.truncate(image, size * 2 // 3)
    _refused(image, 4, "truncat|cut|short|ends|beyond|larger|damaged|footer|smaller")


def test_no_windows_in_it(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    ntfs_volume(volume, 16 * MIB)
    disk = tmp_path / "data.raw"
    gpt_disk(disk, [(volume, BASIC_DATA, "Data")])
    volume.unlink()
    _refused(disk, 4, "has no Windows")


def test_two_windows_on_one_volume(tmp_path: Path) -> None:
    second = {"System32": {"config": {"SYSTEM": system_hive(Machine())}}}
    image = _image(tmp_path / "two.qcow2", Machine(files={"WINNT": second}))
    text = _refused(image, 3, "several Windows.*1:Windows.*1:WINNT")
    assert "--volume" in text
    record = judges.generalize(image, "--volume", "1:Windows")
    assert record["result"] == "generalized"


def test_two_windows_on_two_volumes(tmp_path: Path) -> None:
    volume, disk, image = tmp_path / "volume", tmp_path / "disk", tmp_path / "image" / "two.qcow2"
    image.parent.mkdir()
    ntfs_volume(volume, 64 * MIB)
    with Volume.open(FileDevice(volume, read_only=False), read_only=False, name="x") as opened:
        populate(opened, tree(Machine()))
    gpt_disk(disk, [(volume, BASIC_DATA, "One"), (volume, BASIC_DATA, "Two")])
    convert(disk, image, "qcow2")
    _refused(image, 3, "several Windows.*1:Windows.*2:Windows")
    _refused(image, 3, "no Windows in volume 7", "--volume", "7")
    assert judges.generalize(image, "--volume", "2")["windows"]["volume"] == 2
    shown = json.loads(judges.reseal("inspect", image, "--json", "--volume", "1").stdout)
    assert shown["state"]["generalization_state"] == 7


def test_a_bitlocker_volume(tmp_path: Path) -> None:
    image = _raw(tmp_path / "locked.raw")
    with image.open("r+b") as file:
        file.seek(3)
        file.write(b"-FVE-FS-")
    text = _refused(image, 3, "BitLocker is on.*0x80310039")
    assert "manage-bde -off" in text


def test_a_hibernated_windows(tmp_path: Path) -> None:
    image = _image(
        tmp_path / "asleep.qcow2", Machine(files={"hiberfil.sys": b"HIBR" + bytes(8188)})
    )
    text = _refused(image, 3, "hibernated")
    assert "--discard-hibernation" in text
    record = judges.generalize(image, "--discard-hibernation")
    assert any(one["target"] == "hiberfil.sys" for one in record["changes"])


@pytest.mark.parametrize(
    "command",
    [
        ("customize", "IMAGE", "--mkdir", "/Tools"),
        ("boot", "IMAGE", "--audit"),
        ("specialize", "IMAGE", "--computer-name", "PC-1"),
        ("reg", "set", "IMAGE", r"HKLM\SOFTWARE\Example", "Name", "text"),
    ],
    ids=lambda command: command[0],
)
def test_every_change_of_a_hibernated_windows_takes_one_option(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    image = _image(
        tmp_path / "asleep.qcow2", Machine(files={"hiberfil.sys": b"HIBR" + bytes(8188)})
    )
    before = image.read_bytes()
    call = [str(image) if one == "IMAGE" else one for one in command]
    refused = judges.reseal(*call)
    assert refused.returncode == 4
    assert "--discard-hibernation" in refused.stderr
    assert image.read_bytes() == before
    done = judges.reseal(*call, "--discard-hibernation")
    assert done.returncode == 0, done.stderr
    assert image.read_bytes() != before


@pytest.mark.parametrize("command", ["bcd", "capture"])
def test_boot_stores_and_wims_of_a_hibernated_windows(tmp_path: Path, command: str) -> None:
    image, wim = tmp_path / "asleep.qcow2", tmp_path / "new.wim"
    machine = Machine(files={"hiberfil.sys": b"HIBR" + bytes(8188)})
    windows(image, machine, firmware="bios", system_partition=False)
    call = {
        "bcd": ("bcd", "set", image, "{default}", "bootems", "yes"),
        "capture": ("capture", image, wim, "--compress", "none"),
    }[command]
    refused = judges.reseal(*call)
    assert refused.returncode in {3, 4}
    assert "--discard-hibernation" in refused.stderr
    assert not wim.exists()
    done = judges.reseal(*call, "--discard-hibernation")
    assert done.returncode == 0, done.stderr


def test_a_volume_that_is_marked_dirty(tmp_path: Path) -> None:
    image = _raw(tmp_path / "dirty.raw")
    device = FileDevice(image, read_only=False)
    with Volume.open(device, read_only=False, name="dirty") as volume:
        volume.set_dirty(dirty=True)
    device.close()
    text = _refused(image, 4, "marked dirty")
    assert "chkdsk" in text


HIVE_CASES = {
    "missing": (None, r"config\\SECURITY is missing"),
    "truncated": (system_hive(Machine())[:5000], r"config\\SECURITY"),
    "corrupt": (b"regf" + bytes(8188), r"config\\SECURITY"),
    "empty": (b"", r"config\\SECURITY"),
}


@pytest.mark.parametrize("case", HIVE_CASES)
def test_a_hive_that_is_missing_or_damaged(tmp_path: Path, case: str) -> None:
    data, message = HIVE_CASES[case]
    files = {"Windows": {"System32": {"config": {"SECURITY": data}}}}
    _refused(_image(tmp_path / "hive.qcow2", Machine(files=files)), 4, message)


def test_servicing_that_is_pending(tmp_path: Path) -> None:
    image = _image(tmp_path / "pending.qcow2", Machine(setupexecute=("poqexec.exe /x",)))
    _refused(image, 3, "Servicing is pending.*poqexec.exe")
    files = {"Windows": {"WinSxS": {"pending.xml": b"<x/>"}}}
    _refused(_image(tmp_path / "xml.qcow2", Machine(files=files)), 3, r"pending\.xml exists")


def test_a_select_that_points_to_a_missing_control_set(tmp_path: Path) -> None:
    image = _image(tmp_path / "select.qcow2", Machine(select={"Current": 9}))
    _refused(image, 4, "Select names ControlSet009")


def test_a_second_run_on_the_same_image_is_refused(sample: Path) -> None:
    first = subprocess.Popen(
        [judges.RESEAL, "generalize", sample], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert first.stderr
    first.stderr.readline()
    # It is in the middle of its work, and stays there.
    first.send_signal(signal.SIGSTOP)
    done = judges.reseal("generalize", sample, "--quiet")
    first.send_signal(signal.SIGCONT)
    first.communicate(timeout=60)
    assert done.returncode == 4
    assert "another reseal" in done.stderr
    assert sample.name in done.stderr
    assert first.returncode == 0
    record = json.loads(judges.reseal("inspect", sample, "--json").stdout)
    assert record["state"]["generalization_state"] == 4


def test_an_image_that_a_virtual_machine_has_open(sample: Path, untouched: Untouched) -> None:
    node = {
        "driver": "qcow2", "node-name": "disk",
        "file": {"driver": "file", "filename": str(sample)},
    }  # fmt: skip
    export = {"type": "nbd", "id": "e", "node-name": "disk", "writable": True}
    socket = sample.parent.parent / "vm.sock"
    machine = subprocess.Popen(
        ["qemu-storage-daemon", "--blockdev", json.dumps(node), "--nbd-server",
         f"addr.type=unix,addr.path={socket}", "--export", json.dumps(export)]
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 20
        while not socket.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        check = untouched(sample)
        done = judges.reseal("generalize", sample, "--quiet")
        assert done.returncode == 4
        assert "virtual machine" in done.stderr or "in use" in done.stderr
        assert sample.name in done.stderr
        check()
    finally:
        machine.terminate()
        machine.wait()


def test_options_that_exclude_each_other(sample: Path, tmp_path: Path) -> None:
    _refused(sample, 2, "exclude each other|", "--oobe", "--audit")
    _refused(sample, 2, "--dry-run", "--dry-run", "--output", str(tmp_path / "x.qcow2"))
    _refused(sample, 2, "--thin", "--thin")


def test_an_output_that_exists_is_not_overwritten(sample: Path, tmp_path: Path) -> None:
    output = tmp_path / "there.qcow2"
    shutil.copyfile(sample, output)
    data = output.read_bytes()
    done = judges.reseal("generalize", sample, "--output", output, "--quiet")
    assert done.returncode == 2
    assert output.read_bytes() == data


@pytest.mark.parametrize("spare_kib", [160, 400, 900, 1400])
def test_no_space_left_on_the_host(sample: Path, tmp_path: Path, spare_kib: int) -> None:
    """A small file system of the run's own, made in a namespace that needs no privileges."""
    small = tmp_path / "small"
    small.mkdir()
    size = -(-sample.stat().st_size // 4096) * 4 + spare_kib
    script = f"""
        set -e
        mount -t tmpfs -o size={size}k none {small}
        cp {sample} {small}/image.qcow2
        set +e
        {judges.RESEAL} generalize {small}/image.qcow2 --quiet --json
        echo "code $?" >&2
        # A merge that ran out of space goes on when there is some.
        mount -o remount,size=64m {small}
        if ! cmp -s {sample} {small}/image.qcow2; then
            {judges.RESEAL} resume {small}/image.qcow2 >&2
            {judges.RESEAL} inspect {small}/image.qcow2 >&2
        fi
        ls -A {small} >&2
    """
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
        check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"this machine allows no namespaces of one's own: {done.stderr}")
    assert done.stdout, done.stderr
    error = json.loads(done.stdout)
    assert error["result"] == "error", done.stderr
    assert "image.qcow2" in error["error"]["message"]
    assert re.search("space", error["error"]["message"] + str(error["error"]["hint"]))
    assert "Traceback" not in done.stderr
    untouched = "GENERALIZE" not in done.stderr
    assert untouched or "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE" in done.stderr
    assert done.stderr.rstrip().endswith("image.qcow2")
