"""CompactOS: which loader can read a compressed kernel."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from reseal.testing.drivers import executable
from reseal.testing.volumes import WOF_XPRESS4K, File
from tests.rehearsal.samples import disk, healthy, stage, walk_disk
from tests.wim.test_wof import compress

WOF_TAG = 0x80000017
_LZX = struct.pack("<IIII", 1, 2, 1, 1)


def compact(data: bytes, form: bytes = WOF_XPRESS4K) -> File:
    """Return a file as CompactOS stores it."""
    algorithm = struct.unpack_from("<I", form, 12)[0]
    stream = {"WofCompressedData": compress(data, algorithm)}
    return File(reparse=(WOF_TAG, form), streams=stream, hole=len(data))


@pytest.mark.parametrize(
    ("build", "form", "result"),
    [
        (9600, WOF_XPRESS4K, "would stop"), (19045, WOF_XPRESS4K, "passes"),
        (17763, _LZX, "would stop"), (19045, _LZX, "passes"),
    ],
)  # fmt: skip
def test_a_compressed_kernel(tmp_path: Path, build: int, form: bytes, result: str) -> None:
    program = executable().ljust(9000, b"\0")
    files = {"Windows": {"System32": {"ntoskrnl.exe": compact(program, form)}}}
    record = walk_disk(disk(tmp_path, healthy(files, build=build)))
    found = stage(record, "loader")
    assert found["result"] == result, found
    if result == "would stop":
        assert "CompactOS" in found["said"]


def test_compressed_programs_and_drivers_are_read(tmp_path: Path) -> None:
    """The system under CompactOS: kernel, drivers and programs are judged by their content."""
    program = compact(executable().ljust(5000, b"\0"))
    other = compact(executable("x86").ljust(5000, b"\0"))
    system32 = {"smss.exe": program, "hal.dll": program, "drivers": {"disk.sys": program}}
    files = {"Windows": {"System32": system32 | {"csrss.exe": other}}}
    record = walk_disk(disk(tmp_path, healthy(files, build=19045)))
    assert stage(record, "loader")["result"] == "passes"
    assert "csrss.exe is for x86" in stage(record, "session-manager")["said"]
