"""Thin overlays that are written in one go, judged by QEMU."""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path

import pytest

from reseal.disk.device import DiskError, FileDevice
from reseal.disk.thin import CLUSTER, Changes, write_overlay


def qemu_img(*arguments: str | Path | int) -> str:
    done = subprocess.run(
        ["qemu-img", *map(str, arguments)], check=True, capture_output=True, text=True
    )
    return done.stdout


def overlay(path: Path, base: Path, size: int, clusters: dict[int, bytes], form: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    write_overlay(
        fd, backing_name=base.name, backing_format=form, size=size, clusters=clusters
    )  # fmt: skip
    os.close(fd)


@pytest.mark.parametrize(
    ("size", "count"),
    [(CLUSTER, 1), (10 * CLUSTER + 512, 5), (3 << 30, 200), (40 << 30, 0), (70 << 40, 3)],
)
def test_qemu_reads_what_was_written(size: int, count: int, tmp_path: Path) -> None:
    draw = random.Random(count)
    base, whole = tmp_path / "base.raw", tmp_path / "whole.raw"
    form = "raw" if size < 1 << 40 else "qcow2"
    if form == "raw":
        for path in (base, whole):
            with path.open("wb") as file:
                file.truncate(size)
                file.write(b"base")
    else:
        qemu_img("create", "-q", "-f", "qcow2", base, size)
    last = (size - 1) // CLUSTER
    numbers = {0, last, *(draw.randrange(last + 1) for _ in range(count))} if count else set()
    clusters = {number: draw.randbytes(CLUSTER) for number in numbers}
    made = tmp_path / "made.qcow2"
    overlay(made, base, size, clusters, form)
    checked = json.loads(qemu_img("check", "--output=json", made))
    assert checked["check-errors"] == 0
    assert "leaks" not in checked
    assert checked.get("allocated-clusters", 0) == len(clusters)
    about = json.loads(qemu_img("info", "--output=json", made))
    assert (about["virtual-size"], about["backing-filename-format"]) == (size, form)
    if form == "raw":
        with whole.open("r+b") as file:
            for number, data in clusters.items():
                file.seek(number * CLUSTER)
                file.write(data[: size - number * CLUSTER])
        qemu_img("compare", "-f", "qcow2", "-F", "raw", made, whole)


def test_an_overlay_can_be_written_on(tmp_path: Path) -> None:
    base = tmp_path / "base.raw"
    base.write_bytes(bytes(8 * CLUSTER))
    made = tmp_path / "made.qcow2"
    overlay(made, base, 8 * CLUSTER, {2: b"x" * CLUSTER}, "raw")
    subprocess.run(
        ["qemu-io", "-f", "qcow2", "-c", "write -P 7 0 400k", str(made)],
        check=True, capture_output=True,
    )  # fmt: skip
    assert json.loads(qemu_img("check", "--output=json", made))["check-errors"] == 0


def test_a_path_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="too long"):
        overlay(tmp_path / "made", tmp_path / ("a" * 2000), CLUSTER, {}, "raw")


def test_changes_are_read_back_and_the_device_below_stays(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    content = bytearray(random.Random(1).randbytes(5 * CLUSTER + 1000))
    path.write_bytes(content)
    changes = Changes(FileDevice(path))
    draw = random.Random(2)
    for _ in range(200):
        offset = draw.randrange(len(content))
        data = draw.randbytes(draw.randrange(1, 3 * CLUSTER))[: len(content) - offset]
        if draw.random() < 0.3:
            changes.write(offset, data)
            content[offset : offset + len(data)] = data
        assert changes.read(offset, len(data)) == content[offset : offset + len(data)]
    for number, cluster in changes.changed().items():
        part = content[number * CLUSTER : (number + 1) * CLUSTER]
        assert cluster == bytes(part).ljust(CLUSTER, b"\0")
    with pytest.raises(DiskError):
        changes.write(len(content) - 1, b"ab")


def test_what_was_written_and_is_the_same_is_no_change(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    path.write_bytes(b"a" * 4 * CLUSTER)
    changes = Changes(FileDevice(path))
    changes.write(10, b"a" * 100)
    changes.write(2 * CLUSTER, b"b")
    assert list(changes.changed()) == [2]
