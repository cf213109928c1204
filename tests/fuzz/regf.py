"""Coverage-guided fuzzing of the registry engine: `python -m tests.fuzz.regf TARGET [options]`.

TARGET is `hive` (open, walk, verify, edit, write), `replay` (a hive and its log) or `reg` (import
of a .reg file). Further arguments go to libFuzzer, such as `-max_total_time=60` or a file to run.
On any input the outcome must be a RegfError or a result, within a second per MiB and four times
the input's memory.
"""

from __future__ import annotations

import contextlib
import struct
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["reseal"]):
    from reseal.regf import Hive, RegfError, baseblock, exchange, regfile
    from reseal.regf.compact import compact
    from reseal.regf.marvin import marvin32
    from reseal.testing.hives import hive
    from tests.conftest import CORPUS
    from tests.regf.exercise import exercise
    from tests.regf.make_logs import dirt_log, dirtied, hvle_log

PREFIX = "HKEY_LOCAL_MACHINE\\x"
#: Larger seeds make the fuzzer slow.
SEED_LIMIT = 48 * 1024


def seal(data: bytearray, start: int = 0) -> None:
    """Give a base block the checksum that it must have, so that the fuzzer gets past it."""
    if len(data) >= start + baseblock.SECTOR:
        block = data[start : start + baseblock.SECTOR]
        struct.pack_into("<I", data, start + baseblock.CHECKSUM, baseblock.checksum(block))


def fuzz_hive(data: bytes) -> None:
    """One input of the target `hive`."""
    content = bytearray(data)
    seal(content)
    exercise(content)


def fuzz_replay(data: bytes) -> None:
    """One input of the target `replay`: a byte, as many pages of hive, and the log."""
    if len(data) < 2:
        return
    end = 1 + 4096 * (1 + data[0] % 16)
    content, log = bytearray(data[1:end]), bytearray(data[end:])
    seal(content)
    seal(log)
    place = log.find(b"HvLE", baseblock.SECTOR)
    while place >= 0 and place + 40 <= len(log):
        (size,) = struct.unpack_from("<I", log, place + 4)
        if 40 <= size <= len(log) - place:
            struct.pack_into("<Q", log, place + 24, marvin32(bytes(log[place + 40 : place + size])))
            struct.pack_into("<Q", log, place + 32, marvin32(bytes(log[place : place + 32])))
        place = log.find(b"HvLE", place + 512)
    with contextlib.suppress(RegfError):
        opened = Hive.open(bytes(content), {"LOG1": bytes(log)})
        opened.verify()
        Hive.open(opened.to_bytes())


def fuzz_reg(data: bytes) -> None:
    """One input of the target `reg`."""
    with contextlib.suppress(RegfError):
        sections = regfile.parse(data)
        target = hive({"a": {"v": 1}})
        with contextlib.suppress(RegfError):
            exchange.apply(target.root, sections, PREFIX)
        target.verify()
        b"".join(regfile.write(sections))


TARGETS = {"hive": fuzz_hive, "replay": fuzz_replay, "reg": fuzz_reg}


def seeds(target: str) -> list[bytes]:
    """Inputs to begin with."""
    small = [
        hive({"a": {"b": {"v": 1, "t": "text", "m": ["x"]}}, "c": {"": b"\1" * 300}}),
        hive({f"k{n}": {"n": n} for n in range(60)}, version=(1, 3)),
        hive({"big": {"data": b"x" * 17_000}, "Ключ": {"é": "ü"}}),
    ]
    if target == "reg":
        files = [b"".join(regfile.write(exchange.sections(each.root, PREFIX))) for each in small]
        files += [b"".join(regfile.write(exchange.sections(small[0].root, PREFIX), 4))]
        return [*files, regfile.HEADER_4.encode() + b'\n[-HKLM\\x\\a]\n[HKLM\\x]\n"v"=-\n']
    contents = [each.to_bytes() for each in small]
    if target == "replay":
        old = contents[0]
        edited = Hive.open(old)
        edited.root.create("new").set("v", 3, b"y" * 5000)
        new = edited.to_bytes()
        dirty = dirtied(old, 100, timestamp=7)
        page = bytes([len(dirty) // 4096 - 1])
        return [page + dirty + hvle_log([old, new], 99), page + dirty + dirt_log(old, new, 100, 7)]
    for path in sorted((CORPUS / "regf-corner-cases").glob("*Hive")):
        if not path.is_file():
            continue
        with contextlib.suppress(RegfError):
            found = compact(Hive.open(path.read_bytes(), ignore_logs=True)).to_bytes()
            if len(found) <= SEED_LIMIT:
                contents.append(found)
    return contents


def main() -> None:
    """Run one target."""
    target = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(seeds(target)):
            (Path(folder) / f"{number}").write_bytes(seed)
        arguments = [sys.argv[0], "-rss_limit_mb=2048", "-timeout=10", *sys.argv[2:], folder]
        atheris.Setup(arguments, TARGETS[target])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
