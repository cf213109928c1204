"""A host without space: each test runs in a file system of a few MiB that it mounts for itself.

A user namespace makes that possible without privileges; where the kernel forbids it, the tests
are skipped.
"""

from __future__ import annotations

import ctypes
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reseal.disk import DiskError, Image, Transaction, resume
from reseal.disk.sidecar import journal_path
from tests.disk.images import (
    FORMATS,
    KINDS,
    Kind,
    changed,
    content,
    files,
    in_fork,
    make_image,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Callable

QCOW2 = KINDS[0]
MIB = 1 << 20
_NEW_NAMESPACES = 0x10000000 | 0x00020000  # CLONE_NEWUSER, CLONE_NEWNS

BIG: list[tuple[int, bytes]] = [(2 << 20, random.Random(1).randbytes(12 * MIB))]


def with_space(size: int, job: Callable[[Path], None], folder: Path) -> None:
    """Run a job with a folder in a file system of `size` bytes of its own."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()

    def isolated() -> str | None:
        if libc.unshare(_NEW_NAMESPACES):
            return "the kernel allows no user namespaces here"
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
        options = f"size={size}".encode()
        if libc.mount(b"none", os.fsencode(folder), b"tmpfs", 0, options):
            return "the kernel allows no tmpfs here"
        job(folder)
        return None

    if why := in_fork(isolated):
        pytest.skip(why)


def fill(folder: Path, leave: int) -> Path:
    """Take the space of a file system, but for `leave` bytes."""
    status = os.statvfs(folder)
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(max(0, status.f_bavail * status.f_frsize - leave)))
    return ballast


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.name)
def test_no_space_for_the_changes(tmp_path: Path, kind: Kind) -> None:
    def job(folder: Path) -> None:
        path = make_image(folder / "images", kind)
        fill(folder, 5 * MIB)
        before = files(path.parent)
        with (
            Image.open(path) as image,
            Transaction.begin(image) as transaction,
            pytest.raises(DiskError, match="No space left on device") as raised,
        ):
            write(image, transaction, BIG)
        assert raised.value.exit_code == 4
        assert files(path.parent) == before

    with_space(64 * MIB, job, tmp_path)


def test_no_space_for_the_overlay(tmp_path: Path) -> None:
    def job(folder: Path) -> None:
        path = make_image(folder / "images", QCOW2)
        ballast = fill(folder, 4096)
        before = files(path.parent)
        with Image.open(path) as image, pytest.raises(DiskError, match="No space left on device"):
            Transaction.begin(image)
        assert files(path.parent) == before
        ballast.unlink()

    with_space(32 * MIB, job, tmp_path)


def test_no_space_for_the_merge_is_noticed_before_it_begins(tmp_path: Path) -> None:
    def job(folder: Path) -> None:
        path = make_image(folder / "images", QCOW2)
        before = files(path.parent)
        with Image.open(path) as image, Transaction.begin(image) as transaction:
            write(image, transaction, BIG)
            fill(folder, 3 * MIB)
            with pytest.raises(DiskError, match=r"may need \d+ MiB, and .* has \d MiB") as raised:
                transaction.commit()
        assert "was not changed" in raised.value.message
        assert files(path.parent) == before

    with_space(64 * MIB, job, tmp_path)


def test_no_space_for_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def job(folder: Path) -> None:
        path = make_image(folder / "images", QCOW2)
        before = files(path.parent)
        monkeypatch.setattr("reseal.disk.merge.require_space", lambda *_, **__: None)
        with Image.open(path) as image, Transaction.begin(image) as transaction:
            write(image, transaction, BIG)
            fill(folder, 0)
            with pytest.raises(DiskError, match="was not changed: No space left"):
                transaction.commit()
        assert files(path.parent) == before

    with_space(64 * MIB, job, tmp_path)


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.name)
def test_no_space_in_the_middle_of_a_merge(
    tmp_path: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    def job(folder: Path) -> None:
        path = make_image(folder / "images", kind)
        before = content(path)
        # As if somebody else took the space after it was counted.
        monkeypatch.setattr("reseal.disk.merge.require_space", lambda *_, **__: None)
        with Image.open(path) as image, Transaction.begin(image) as transaction:
            write(image, transaction, BIG)
            ballast = fill(folder, 2 * MIB)
            with pytest.raises(DiskError, match=r"was interrupted.*No space left") as raised:
                transaction.commit()
        assert raised.value.hint is not None
        assert "Free some space" in raised.value.hint
        assert f"reseal resume {path}" in raised.value.hint
        assert journal_path(path).exists()
        with pytest.raises(DiskError, match=r"was interrupted.*No space left"):
            resume(path)
        ballast.unlink()
        resume(path)
        assert content(path) == changed(before, BIG)

    with_space(64 * MIB, job, tmp_path)


@pytest.mark.parametrize("extension", ["qcow2", "vhdx", "raw"])
def test_no_space_for_the_output(
    tmp_path: Path, extension: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def job(folder: Path) -> None:
        path = make_image(folder / "images", QCOW2)
        output = folder / "new" / f"new.{extension}"
        output.parent.mkdir()
        before = files(path.parent)
        for said in ("may need", "can't be written.*No space left"):
            with (
                Image.open(path) as image,
                Transaction.begin(image, output=output) as transaction,
            ):
                write(image, transaction, BIG)
                ballast = fill(folder, 3 * MIB)
                with pytest.raises(DiskError, match=said):
                    transaction.commit()
            assert files(path.parent) == before
            assert list(output.parent.iterdir()) == []
            ballast.unlink()
            monkeypatch.setattr("reseal.disk.output.require_space", lambda *_, **__: None)

    with_space(64 * MIB, job, tmp_path)
