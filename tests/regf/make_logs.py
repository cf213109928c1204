"""Logs of hives, made from two states of a hive."""

from __future__ import annotations

import itertools
import struct

from reseal.regf import baseblock
from reseal.regf.marvin import marvin32


def sealed(data: bytearray) -> bytearray:
    """A base block with the checksum that it must have."""
    struct.pack_into("<I", data, baseblock.CHECKSUM, baseblock.checksum(data))
    return data


def dirtied(data: bytes, sequence: int, *, timestamp: int | None = None) -> bytes:
    """A hive in the middle of a write: its primary number is ahead of its secondary."""
    result = bytearray(data)
    struct.pack_into("<II", result, 4, sequence, sequence - 1)
    if timestamp is not None:
        struct.pack_into("<Q", result, 12, timestamp)
    return bytes(sealed(result))


def _base(hive: bytes, file_type: int, sequence: int) -> bytearray:
    base = bytearray(hive[:512])
    struct.pack_into("<II", base, 4, sequence, sequence)
    struct.pack_into("<I", base, baseblock.FILE_TYPE, file_type)
    return sealed(base)


def changed_pages(old: bytes, new: bytes) -> list[int]:
    """Offsets in the hive bins data of the 4 KiB pages in which two states differ."""
    (size,) = struct.unpack_from("<I", new, baseblock.BINS_SIZE)
    return [
        offset
        for offset in range(0, size, 4096)
        if old[4096 + offset : 8192 + offset] != new[4096 + offset : 8192 + offset]
    ]


def entry(old: bytes, new: bytes, sequence: int) -> bytes:
    """One HvLE entry with what changed from one state to the next."""
    (size,) = struct.unpack_from("<I", new, baseblock.BINS_SIZE)
    pages = changed_pages(old, new)
    body = b"".join(struct.pack("<II", offset, 4096) for offset in pages)
    body += b"".join(new[4096 + offset : 8192 + offset] for offset in pages)
    length = (40 + len(body) + 511) // 512 * 512
    body = body.ljust(length - 40, b"\0")
    head = struct.pack("<4sIIIIIQ", b"HvLE", length, 0, sequence, size, len(pages), marvin32(body))
    return head + struct.pack("<Q", marvin32(head)) + body


def hvle_log(states: list[bytes], first: int) -> bytes:
    """A log whose entries lead from each state to the next; the first has number `first`."""
    entries = [
        entry(old, new, first + number)
        for number, (old, new) in enumerate(itertools.pairwise(states))
    ]
    return bytes(_base(states[0], baseblock.LOG_HVLE, first)) + b"".join(entries)


def dirt_log(old: bytes, new: bytes, sequence: int, timestamp: int) -> bytes:
    """A log of the old format with what changed from one state to another."""
    base = _base(new, 1, sequence)
    struct.pack_into("<Q", base, 12, timestamp)
    sealed(base)
    (size,) = struct.unpack_from("<I", new, baseblock.BINS_SIZE)
    bitmap = bytearray(size // 4096)
    pages = changed_pages(old, new)
    for offset in pages:
        bitmap[offset // 4096] = 0xFF
    vector = (b"DIRT" + bitmap).ljust((4 + len(bitmap) + 511) // 512 * 512, b"\0")
    return bytes(base) + vector + b"".join(new[4096 + p : 8192 + p] for p in pages)
