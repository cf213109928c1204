"""Images on block devices: loop devices with sectors of 512 and 4096 bytes."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reseal.disk import DiskError, Image, InUseError, Transaction, block, resume, scratch
from reseal.disk.sidecar import golden_path
from reseal.errors import ImageError, UsageError
from reseal.process import run_tool
from reseal.report import doctor
from tests import devices
from tests.disk.images import DISK_SIZE, changed, raw_disk, some_writes, write
from tests.disk.test_resume import fail, fail_at_the_end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not devices.available(), reason=devices.MISSING),
]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default scratch folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state/reseal"


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """The file behind the device."""
    return raw_disk(tmp_path)


@pytest.fixture(params=[512, 4096])
def device(disk: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    with devices.attached(disk, request.param) as found:
        yield found


@pytest.fixture
def loop(disk: Path) -> Iterator[Path]:
    with devices.attached(disk) as found:
        yield found


def run(device: Path, tool: Callable[..., str] | None = None, scratch: Path | None = None) -> None:
    """Do a run on a device, with `tool` in the place of qemu-img commit."""
    with pytest.MonkeyPatch.context() as patched:
        if tool:
            patched.setattr("reseal.disk.merge.run_tool", tool)
        with Image.open(device, scratch=scratch) as image, Transaction.begin(image) as transaction:
            write(image, transaction, some_writes())
            transaction.commit()


def interrupt(
    device: Path, tool: Callable[..., str] = fail_at_the_end, scratch: Path | None = None
) -> str:
    with pytest.raises(DiskError, match="was interrupted") as raised:
        run(device, tool, scratch)
    return str(raised.value.hint)


def half(argv: list[str], **options: object) -> str:
    """Merge, and put back the second half, as a merge that was killed leaves it."""
    node = json.loads(argv[-1].removeprefix("json:"))["backing"]["file"]["filename"]
    with Path(node).open("r+b") as opened:
        before = opened.read()
        run_tool(argv, **options)  # type: ignore[arg-type]
        opened.seek(DISK_SIZE // 2)
        opened.write(before[DISK_SIZE // 2 :])
    return fail(argv)


def written(device: Path) -> int:
    """Bytes that were written to a device so far."""
    with device.open("rb") as opened:
        os.fsync(opened.fileno())
    return int(Path("/sys/class/block", device.name, "stat").read_text().split()[6]) * 512


def test_only_changed_clusters_are_written(device: Path, state: Path) -> None:
    before, count = device.read_bytes(), written(device)
    run(device)
    # Twelve pieces of up to 90,000 bytes, in clusters of 64 KiB.
    assert 0 < written(device) - count < 12 * 3 * (64 << 10)
    assert device.read_bytes() == changed(before, some_writes())
    assert list(state.iterdir()) == []
    assert state.stat().st_mode & 0o777 == 0o700


def test_an_interrupted_merge_is_refused_and_finished(device: Path, state: Path) -> None:
    before = device.read_bytes()
    assert interrupt(device).endswith(f"reseal resume {device}")
    with pytest.raises(ImageError, match="was interrupted") as raised:
        Image.open(device)
    assert raised.value.hint == f"Finish it: reseal resume {device}"
    shown = "\n".join(doctor.text(doctor.examine([])))
    assert f"Resume    {device}: a run was interrupted ({state}" in shown
    resume(device)
    assert device.read_bytes() == changed(before, some_writes())
    assert list(state.iterdir()) == []
    with pytest.raises(ImageError, match="nothing to resume"):
        resume(device)


def test_a_device_with_another_name_is_known(disk: Path, loop: Path, state: Path) -> None:
    before = loop.read_bytes()
    interrupt(loop, half)
    moved = disk.rename(disk.with_name("moved"))  # so that its identity is another, too
    with devices.attached(moved) as other:
        assert block.ids(other) != block.ids(loop) or other != loop
        with pytest.raises(ImageError, match="was interrupted"):
            Image.open(other)
        devices.detach(loop)  # at the end of this block; the fixture has its own
        try:
            resume(other)
            assert other.read_bytes() == changed(before, some_writes())
        finally:
            subprocess.run(["losetup", loop, moved], check=False)
    assert list(state.iterdir()) == []


def test_a_copy_of_an_incomplete_device_is_refused(tmp_path: Path, loop: Path) -> None:
    interrupt(loop, half)
    copy = tmp_path / "copy"
    copy.write_bytes(loop.read_bytes())
    with devices.attached(copy) as other, pytest.raises(ImageError, match="is a copy of"):
        resume(other)


def test_a_snapshot_with_the_same_identity_is_left_alone(
    tmp_path: Path, loop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that holds other content than before and after the merge is another machine's."""
    monkeypatch.setattr(block, "ids", lambda *_: ["wwid of the storage"])
    other = raw_disk(tmp_path, seed=5)
    interrupt(loop)
    with devices.attached(other) as snapshot:
        Image.open(snapshot).close()
        with pytest.raises(ImageError, match="was replaced"):
            resume(snapshot)


def test_several_journals_that_fit_are_listed(loop: Path, state: Path) -> None:
    interrupt(loop)
    (journal,) = state.glob(".*-journal")
    for one in list(state.iterdir()):
        one.with_name(one.name.replace(".", ".second-", 1)).write_bytes(one.read_bytes())
    with pytest.raises(
        UsageError, match=f"several interrupted merges fit {loop}: .*second"
    ) as raised:
        resume(loop)
    assert "--journal" in str(raised.value.hint)
    resume(loop, journal=journal)
    assert not journal.exists()


def test_a_device_that_became_smaller_is_refused(disk: Path, loop: Path) -> None:
    interrupt(loop)
    os.truncate(disk, DISK_SIZE - (1 << 20))
    subprocess.run(["losetup", "--set-capacity", loop], check=True)
    with pytest.raises(ImageError, match=r"has \d+ bytes, and had"):
        resume(loop)


def test_another_scratch_folder_is_found_from_the_default_one(
    loop: Path, state: Path, tmp_path: Path
) -> None:
    before, folder = loop.read_bytes(), tmp_path / "elsewhere"
    assert f"--scratch {folder}" in interrupt(loop, scratch=folder)
    with pytest.raises(ImageError, match="was interrupted"):
        Image.open(loop)
    resume(loop)
    assert loop.read_bytes() == changed(before, some_writes())
    assert list(folder.iterdir()) == list(state.iterdir()) == []


def test_a_scratch_folder_of_others_is_refused(loop: Path, tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(UsageError, match="other users may write to it"):
        run(loop, scratch=folder)


def test_a_full_scratch_folder_leaves_the_device_as_it_was(loop: Path, tmp_path: Path) -> None:
    before, folder = loop.read_bytes(), tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k,mode=700", "none", str(folder)]
    subprocess.run(command, check=True)
    try:
        with pytest.raises(ImageError, match="No space left"):
            run(loop, scratch=folder)
        assert list(folder.iterdir()) == []
        assert scratch.is_in_memory(folder)
    finally:
        subprocess.run(["umount", folder], check=True)
    assert loop.read_bytes() == before


def test_what_killed_runs_left_is_deleted(loop: Path, state: Path) -> None:
    state.mkdir(parents=True)
    left = state / ".x-1.reseal-overlay"
    kept = state / ".y-2.reseal-overlay"
    for one in (left, kept):
        one.touch()
    with kept.open() as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)  # another run that goes on
        run(loop)
        assert sorted(state.iterdir()) == [kept]


def test_a_mounted_device_is_refused(tmp_path: Path) -> None:
    file, place = tmp_path / "fs", tmp_path / "mnt"
    file.write_bytes(bytes(4 << 20))
    place.mkdir()
    subprocess.run(["mkfs.ext4", "-q", file], check=True)
    with devices.attached(file) as device:
        subprocess.run(["mount", device, place], check=True)
        try:
            with pytest.raises(InUseError, match=f"is mounted on {place}"):
                Image.open(device)
        finally:
            subprocess.run(["umount", place], check=True)


def test_a_device_that_is_open_for_writing_is_refused(loop: Path) -> None:
    with subprocess.Popen(["sleep", "60"], stdout=loop.open("r+b")) as other:
        try:
            with pytest.raises(InUseError, match=rf"writing by sleep \(process {other.pid}\)"):
                Image.open(loop)
        finally:
            other.kill()


def test_a_device_that_is_claimed_is_refused(loop: Path) -> None:
    claimed = os.open(loop, os.O_RDONLY | os.O_EXCL)
    try:
        with pytest.raises(InUseError, match="has claimed it"):
            Image.open(loop)
    finally:
        os.close(claimed)


def test_a_device_stays_claimed_during_a_run(loop: Path) -> None:
    with Image.open(loop) as image, Transaction.begin(image):
        with pytest.raises(OSError, match="busy"):
            os.open(loop, os.O_RDONLY | os.O_EXCL)
        with pytest.raises(InUseError, match="another reseal"):
            Image.open(loop)


def test_a_second_node_for_a_device_is_the_same(loop: Path, tmp_path: Path) -> None:
    node = tmp_path / "node"
    os.mknod(node, 0o600 | 0o060000, loop.stat().st_rdev)
    with Image.open(loop) as image, Transaction.begin(image), pytest.raises(InUseError):
        Image.open(node)


def test_a_write_by_another_program_is_noticed(loop: Path) -> None:
    with Image.open(loop) as image, Transaction.begin(image) as transaction:
        write(image, transaction, some_writes())
        with loop.open("r+b") as opened:
            opened.write(b"x" * 4096)
        before = loop.read_bytes()
        with pytest.raises(ImageError, match="changed by another program"):
            transaction.commit()
    assert loop.read_bytes() == before


def test_a_read_only_device_is_refused(loop: Path) -> None:
    subprocess.run(["blockdev", "--setro", loop], check=True)
    try:
        with pytest.raises(DiskError, match="the device is read-only"):
            run(loop)
    finally:  # the next file on this loop device would be read-only, too
        subprocess.run(["blockdev", "--setrw", loop], check=True)


def test_a_device_is_a_backing_file_if_allowed(loop: Path, tmp_path: Path) -> None:
    above = tmp_path / "above.qcow2"
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(loop), "-F", "raw", str(above)]
    subprocess.run(command, check=True)
    with pytest.raises(DiskError, match="which is a block device") as raised:
        Image.open(above)
    assert "--allow-backing" in str(raised.value.hint)
    before = loop.read_bytes()
    with Image.open(above, allow_backing=True) as image, Transaction.begin(image) as transaction:
        write(image, transaction, some_writes())
        transaction.commit()
    assert loop.read_bytes() == before
    with pytest.raises(ImageError):
        run_tool(["qemu-img", "compare", "-f", "qcow2", "-F", "raw", str(above), str(loop)])


def test_thin_images_protect_their_device(loop: Path, tmp_path: Path) -> None:
    thin = tmp_path / "thin.qcow2"
    with Image.open(loop) as image, Transaction.begin(image, output=thin, thin=True) as transaction:
        write(image, transaction, some_writes())
        transaction.commit()
    assert golden_path(scratch.state_folder() / block.key(loop)).exists()
    with pytest.raises(DiskError, match="golden image of thin clones"):
        run(loop)


def test_a_container_in_a_device_is_refused(tmp_path: Path) -> None:
    """The guest of a raw device may have written the header, with any backing file in it."""
    file = tmp_path / "x"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", file, "16M"], check=True)
    os.truncate(file, 16 << 20)
    with (
        devices.attached(file) as device,
        pytest.raises(DiskError, match="holds a qcow2 container"),
    ):
        Image.open(device)


def test_an_output_is_never_a_device(loop: Path, disk: Path) -> None:
    with Image.open(disk) as image, pytest.raises(UsageError, match="is a block device"):
        Transaction.begin(image, output=loop)
