"""Several disks of one machine: all are merged, or none."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from reseal.disk import DiskError, FileDevice, Image, Transaction, connect, resume, volumes
from reseal.disk.joined import Joined
from reseal.disk.sidecar import journal_path, overlay_path
from reseal.errors import ImageError
from reseal.process import run_tool
from reseal.sandbox import Limits
from reseal.testing.disks import BASIC_DATA, gpt_disk
from reseal.worker import run_worker
from tests.disk.images import FORMATS, changed, content, files, make_image, some_writes
from tests.disk.test_resume import fail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

QCOW2, RAW = FORMATS[0], FORMATS[-1]


@pytest.fixture
def disks(tmp_path: Path) -> tuple[Path, Path]:
    """The disks of a machine, alone in their folder."""
    folder = tmp_path / "machine"
    return make_image(folder, QCOW2, "a"), make_image(folder, RAW, "b", seed=3)


def contents(disks: tuple[Path, Path]) -> tuple[bytes, ...]:
    return tuple(content(one) for one in disks)


def after(before: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return tuple(changed(one, some_writes(seed)) for seed, one in enumerate(before))


def run(disks: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, **patches: Any) -> None:
    """Change both disks, with patches of what the merge calls."""
    with monkeypatch.context() as patched:
        for name, value in patches.items():
            patched.setattr(f"reseal.disk.{name.replace('__', '.')}", value)
        with (
            Image.open(disks[0]) as first,
            Image.open(disks[1]) as second,
            Transaction.begin(first, others=[second]) as transaction,
        ):
            for seed, image in enumerate((first, second)):
                with image.serve(transaction.overlays[seed]) as socket:
                    work = partial(_write, socket, seed)
                    run_worker(work, subject="disk", limits=Limits(sockets=(socket,)))
            transaction.commit()


def _write(socket: Path, seed: int, _: object) -> None:
    device = connect(socket)
    for offset, data in some_writes(seed):
        device.write(offset, data)
    device.flush()
    device.close()


def failing_at(number: int, error: Callable[..., str] = fail) -> Callable[..., str]:
    """Return a tool that fails when it is called the second time, and so on."""
    calls: list[object] = []

    def tool(argv: list[str], **options: Any) -> str:
        calls.append(argv)
        return error(argv) if len(calls) == number else run_tool(argv, **options)

    return tool


def test_both_disks_are_changed(disks: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(disks)
    run(disks, monkeypatch)
    assert contents(disks) == after(before)
    assert set(files(disks[0].parent)) == {"a.qcow2", "b.raw"}


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("which", [0, 1])
def test_an_interrupted_merge_is_finished_from_either_disk(
    disks: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, number: int, which: int
) -> None:
    before = contents(disks)
    with pytest.raises(DiskError, match="was interrupted"):
        run(disks, monkeypatch, merge__run_tool=failing_at(number))
    for one in disks:
        with pytest.raises(ImageError, match="was interrupted"):
            Image.open(one)
    resume(disks[which])
    assert contents(disks) == after(before)
    assert set(files(disks[0].parent)) == {"a.qcow2", "b.raw"}


def test_disks_that_moved_together_are_finished(
    disks: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = contents(disks)
    with pytest.raises(DiskError):
        run(disks, monkeypatch, merge__run_tool=failing_at(2))
    moved = disks[0].parent.rename(tmp_path / "moved")
    resume(moved / "b.raw")
    assert contents((moved / "a.qcow2", moved / "b.raw")) == after(before)


def test_a_disk_alone_is_not_finished(
    disks: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(DiskError):
        run(disks, monkeypatch, merge__run_tool=failing_at(2))
    away = tmp_path / "away"
    away.mkdir()
    kept = files(disks[0].parent)
    for one in (disks[0], journal_path(disks[0]), overlay_path(disks[0])):
        shutil.move(one, away)
    with pytest.raises(ImageError, match="whose journal"):
        resume(disks[1])
    with pytest.raises(ImageError, match="can't be opened"):
        resume(away / "a.qcow2")
    for one in list(away.iterdir()):
        shutil.move(one, disks[0].parent)
    assert files(disks[0].parent) == kept
    resume(disks[0])


def test_a_note_without_the_decision_is_void(
    disks: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run was killed before the journal of the first disk was written."""
    before = contents(disks)
    with pytest.raises(DiskError):
        run(disks, monkeypatch, merge__run_tool=failing_at(1))
    journal_path(disks[0]).unlink()
    assert journal_path(disks[1]).exists()
    Image.open(disks[1]).close()
    subprocess.run(["qemu-img", "check", disks[0]], check=True, capture_output=True)
    with pytest.raises(ImageError, match="nothing to resume"):
        resume(disks[1])
    with Image.open(disks[1]) as image, Transaction.begin(image):
        assert not journal_path(disks[1]).exists()
    assert contents(disks)[1] == before[1]


def test_a_failure_to_write_the_decision_leaves_nothing(
    disks: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bool:
        raise OSError(28, os.strerror(28))

    before = files(disks[0].parent)
    with pytest.raises(DiskError, match="was not changed: No space left"):
        run(disks, monkeypatch, mark__put=refuse)
    assert files(disks[0].parent) == before


@pytest.fixture
def joined(tmp_path: Path) -> Iterator[Joined]:
    disks = [
        gpt_disk(tmp_path / name, [(4 << 20, BASIC_DATA, name)] * count)
        for name, count in (("one", 2), ("two", 1))
    ]
    os.truncate(disks[0], disks[0].stat().st_size + 512)
    opened = Joined([FileDevice(one, read_only=False) for one in disks])
    yield opened
    opened.close()


def test_volumes_of_several_disks_have_numbers_of_their_own(joined: Joined) -> None:
    found = volumes(joined)
    assert [one.number for one in found] == [1, 2, 2001]
    assert found[2].on_disk == found[0].on_disk == 1 << 20
    assert found[2].offset == joined.starts[1] + (1 << 20)


def test_a_volume_is_read_and_written_on_its_disk(joined: Joined) -> None:
    place = volumes(joined)[2]
    joined.write(place.offset, b"here")
    assert joined.disks[1].read(place.on_disk, 4) == joined.read(place.offset, 4) == b"here"
    joined.zero(place.offset, 4096)
    assert joined.read(place.offset, 4) == bytes(4)
    assert list(joined.data(place.offset, 4096)) == [(place.offset, 4096)]
    with pytest.raises(DiskError, match="outside the device"):
        joined.read(joined.starts[1] - 1, 2)
