"""Deleting the internal snapshots of a qcow2 as a part of a run's merge."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reseal import process
from reseal.disk import DiskError, Image, Transaction, resume
from reseal.disk.formats import read_header
from reseal.disk.sidecar import journal_path
from tests.disk.images import KINDS, changed, check, content, files, make_image, some_writes, write

QCOW2 = KINDS[0]
NAMES = ("one", "two", "three")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = make_image(tmp_path, QCOW2)
    for name in NAMES:
        subprocess.run(["qemu-img", "snapshot", "-c", name, path], check=True)
    return path


def change(path: Path, *, commit: bool = True) -> bytes:
    """Change an image and delete its snapshots; return what it is to hold."""
    before, writes = content(path), some_writes()
    with (
        Image.open(path) as image,
        Transaction.begin(image, delete_snapshots=True) as transaction,
    ):
        write(image, transaction, writes)
        if commit:
            transaction.commit()
    return changed(before, writes)


def test_they_go_when_the_merge_is_done(image: Path) -> None:
    expected = change(image)
    assert content(image) == expected
    assert read_header(image).snapshots == ()
    check(image)


def test_without_a_commit_they_stay(image: Path, tmp_path: Path) -> None:
    before = files(tmp_path)
    change(image, commit=False)
    assert files(tmp_path) == before


@pytest.mark.parametrize("done", range(len(NAMES)))
def test_a_run_that_is_interrupted_among_them_is_finished_by_resume(
    image: Path, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    left = done
    real = process.run_tool

    def interrupted(command: list[str], **options: object) -> str:
        nonlocal left
        if not left:
            raise OSError(5, "power failure")
        left -= 1
        return real(command, **options)  # type: ignore[arg-type]

    before, writes = content(image), some_writes()
    with monkeypatch.context() as patched:
        patched.setattr("reseal.disk.snapshots.run_tool", interrupted)
        with pytest.raises(DiskError, match="was interrupted"):
            change(image)
    assert read_header(image).snapshots == NAMES[done:]
    assert journal_path(image).exists()
    resume(image)
    assert content(image) == changed(before, writes)
    assert read_header(image).snapshots == ()
    assert not [name for name in files(image.parent) if "reseal" in name]
    check(image)


def test_references_that_qemu_had_counted_down_already_are_counted_again(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **_options: object) -> str:
        raise OSError(5, "Input/output error")

    before, writes = content(image), some_writes()
    with monkeypatch.context() as patched:
        patched.setattr("reseal.disk.snapshots.run_tool", interrupted)
        with pytest.raises(DiskError, match="was interrupted"):
            change(image)
    count_down(image)
    assert subprocess.run(["qemu-img", "check", "-q", image], check=False).returncode == 2
    resume(image)
    assert content(image) == changed(before, writes)
    assert read_header(image).snapshots == ()
    check(image)


def count_down(image: Path) -> None:
    """Take one reference from each cluster that has several, as QEMU does before it deletes a snapshot."""
    data = bytearray(image.read_bytes())
    cluster = 1 << int.from_bytes(data[20:24], "big")
    table = int.from_bytes(data[48:56], "big")
    block = int.from_bytes(data[table : table + 8], "big")
    counts = [int.from_bytes(data[at : at + 2], "big") for at in range(block, block + cluster, 2)]
    assert max(counts) > 1
    for number, count in enumerate(counts):
        if count > 1:
            data[block + 2 * number : block + 2 * number + 2] = (count - 1).to_bytes(2, "big")
    image.write_bytes(data)
