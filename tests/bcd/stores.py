"""The real stores of the corpus, and a store that a machine left dirty."""

from __future__ import annotations

import struct
from pathlib import Path

from reseal.bcd import Store
from reseal.regf import Hive, baseblock
from reseal.regf.marvin import marvin32

#: Stores of machines (Windows 10 and 8.1, both UEFI) and templates (Windows 8.1 and 10 21H1).
MACHINES = ("hives/BCD", "hives/qthivex-bcdtest")
TEMPLATES = ("hives/qthivex-BCD-Template", "machines/win10-21h1/BCD-Template")
REAL = (*MACHINES, *TEMPLATES)

_PAGE = 4096


def real(corpus: Path, name: str) -> Store:
    """One of the real stores."""
    return Store(Hive.open((corpus / name).read_bytes(), name=name))


def dirty(before: bytes, after: bytes) -> tuple[bytes, bytes]:
    """A store whose change is in its log alone: the hive as on disk, and LOG1 (format of 8.1 on)."""
    assert len(before) == len(after)
    pages = [
        place
        for place in range(_PAGE, len(after), _PAGE)
        if before[place : place + _PAGE] != after[place : place + _PAGE]
    ]
    (sequence,) = struct.unpack_from("<I", before, baseblock.PRIMARY_SEQUENCE)
    body = b"".join(struct.pack("<II", place - _PAGE, _PAGE) for place in pages)
    body += b"".join(after[place : place + _PAGE] for place in pages)
    body = body.ljust(-(-(40 + len(body)) // 512) * 512 - 40, b"\0")
    bins = len(after) - _PAGE
    head = struct.pack(
        "<4sIIIII", b"HvLE", 40 + len(body), 0, sequence + 1, bins, len(pages)
    ) + struct.pack("<Q", marvin32(body))
    entry = head + struct.pack("<Q", marvin32(head)) + body
    return _base(before, sequence + 1, sequence, 0), _base(
        before[:512], sequence + 1, sequence + 1, baseblock.LOG_HVLE
    ) + entry


def _base(data: bytes, first: int, second: int, kind: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into("<II", changed, baseblock.PRIMARY_SEQUENCE, first, second)
    struct.pack_into("<I", changed, baseblock.FILE_TYPE, kind)
    struct.pack_into("<I", changed, baseblock.CHECKSUM, baseblock.checksum(changed))
    return bytes(changed)
