"""Plain files as devices."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from reseal.disk import FileDevice, device


class Kernel:
    """Counts what it is asked to write out."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, ...]] = []

    def sync_file_range(self, *arguments: int) -> int:
        self.asked.append(arguments)
        return 0


def test_a_file_is_written_out_while_more_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = Kernel()
    monkeypatch.setattr(device, "_libc", kernel)
    monkeypatch.setattr(device, "_BEHIND", 0.001)
    with (tmp_path / "disk.raw").open("wb") as file:
        with device.written_behind(file.fileno()):
            end = time.monotonic() + 60
            while not kernel.asked and time.monotonic() < end:
                time.sleep(0.001)
        asked = len(kernel.asked)
        assert asked
        # Of the whole file (size 0 means to its end), started and not waited for.
        assert set(kernel.asked) == {(file.fileno(), 0, 0, 2)}
        time.sleep(0.01)
        assert len(kernel.asked) == asked


def test_the_system_takes_the_request(tmp_path: Path) -> None:
    with (tmp_path / "disk.raw").open("wb") as file:
        file.write(bytes(1 << 20))
        file.flush()
        assert device._libc.sync_file_range(file.fileno(), 0, 0, 2) == 0


@pytest.mark.parametrize(
    ("read_only", "scratch", "times"),
    [(True, False, 0), (False, True, 0), (False, False, 1)],
    ids=["read only", "scratch", "to last"],
)
def test_only_what_is_to_last_is_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_only: bool, scratch: bool, times: int
) -> None:
    path = tmp_path / "disk.raw"
    path.write_bytes(bytes(4096))
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", flushed.append)
    disk = FileDevice(path, read_only=read_only, scratch=scratch)
    disk.flush()
    assert len(flushed) == times
    disk.close()
