"""Copying into devices: sparse files, and ranges of other devices."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseal.disk import DiskError, FileDevice
from reseal.disk.pour import copy_ranges, named, nameless, pour
from reseal.process import run_tool

MIB = 1 << 20


class Memory:
    """A device in memory that counts what is written."""

    read_only = False

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        self.size = len(data)
        self.written = 0

    def read(self, offset: int, size: int) -> bytes:
        assert offset >= 0
        assert offset + size <= self.size
        return bytes(self.data[offset : offset + size])

    def write(self, offset: int, data: bytes) -> None:
        assert offset >= 0
        assert offset + len(data) <= self.size
        self.data[offset : offset + len(data)] = data
        self.written += len(data)

    def flush(self) -> None: ...

    def close(self) -> None: ...


def test_a_sparse_file_is_copied_without_its_holes(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(40 * MIB)
        for place in (0, 9 * MIB, 40 * MIB - 4096):
            file.seek(place)
            file.write(os.urandom(4096))
    target = Memory(bytes(40 * MIB))
    with path.open("rb") as file:
        pour(file.fileno(), target)
    assert target.data == path.read_bytes()
    assert target.written < 8 * MIB


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12 * MIB), st.integers(0, 9 * MIB)), max_size=4))
def test_ranges_are_copied_and_nothing_else(ranges: list[tuple[int, int]]) -> None:
    ranges = [(offset, min(size, len(PATTERN) - offset)) for offset, size in ranges]
    source, target = Memory(PATTERN), Memory(bytes(len(PATTERN)))
    told: list[int] = []
    total = sum(size for _, size in ranges)
    assert copy_ranges(source, target, ranges, told.append) == total
    wanted = bytearray(len(PATTERN))
    for offset, size in ranges:
        wanted[offset : offset + size] = PATTERN[offset : offset + size]
    assert target.data == wanted
    assert told == sorted(told)
    assert (told or [0])[-1] == total


#: 5 MiB of pattern, 5 MiB of zeros, 2 MiB of pattern.
PATTERN = (
    bytes(range(1, 256)) * (5 * MIB // 255) + bytes(5 * MIB) + bytes(range(256)) * (2 * MIB // 256)
)
PATTERN = PATTERN.ljust(12 * MIB, b"x")


def test_zeros_are_not_written() -> None:
    source, target = Memory(bytes(20 * MIB)), Memory(bytes(20 * MIB))
    assert copy_ranges(source, target, [(0, 20 * MIB)]) == 20 * MIB
    assert target.written == 0


def test_a_source_that_fails_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "short"
    path.write_bytes(bytes(MIB))
    with pytest.raises(DiskError):
        copy_ranges(FileDevice(path), Memory(bytes(20 * MIB)), [(0, 20 * MIB)])


def test_programs_can_write_to_a_file_that_has_no_name() -> None:
    with nameless(MIB) as file:
        status = os.fstat(file)
        assert (status.st_size, status.st_nlink) == (MIB, 0)
        run_tool(["truncate", "-s", "4096", named(file)], pass_fds=[file])
        assert os.fstat(file).st_size == 4096


def test_a_file_that_can_t_be_made_is_an_error() -> None:
    with pytest.raises(DiskError, match="temporary file"), nameless(1 << 62):
        pass
