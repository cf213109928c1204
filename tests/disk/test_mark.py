"""The mark in a qcow2 image that says that a merge has begun."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from reseal.disk import mark


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("options", ["compat=1.1", "compat=1.1,lazy_refcounts=on"])
def test_a_mark_that_could_not_be_written_leaves_nothing(
    number: int, options: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tmp_path / "image.qcow2"
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-o", options, image, "1M"], check=True
    )
    before = image.read_bytes()
    calls = []

    def fail(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == number:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        mark.put(image, "0" * 32, tmp_path / "journal")
    mark.take_away(image)
    assert image.read_bytes() == before


@pytest.mark.parametrize("number", [1, 2])
def test_a_mark_whose_write_fails_leaves_nothing(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tmp_path / "image.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "1M"], check=True)
    before, write, calls = image.read_bytes(), os.pwrite, []

    def fail(descriptor: int, data: bytes, offset: int) -> int:
        calls.append(offset)
        if len(calls) == number:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", fail)
    with pytest.raises(OSError, match="No space"):
        mark.put(image, "0" * 32, tmp_path / "journal")
    assert len(calls) > number
    assert image.read_bytes() == before


def test_a_mark_is_written_whole_where_the_system_writes_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [tmp_path / f"{name}.qcow2" for name in ("whole", "parts")]
    for image in images:
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "1M"], check=True)
    plain = images[0].read_bytes()
    mark.put(images[0], "0" * 32, tmp_path / "journal")
    write = os.pwrite
    monkeypatch.setattr(
        os, "pwrite", lambda number, data, at: write(number, data[: max(len(data) // 2, 1)], at)
    )
    mark.put(images[1], "0" * 32, tmp_path / "journal")
    assert images[0].read_bytes() == images[1].read_bytes() != plain
    mark.take_away(images[1])
    assert images[1].read_bytes() == plain
