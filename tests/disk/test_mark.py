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
