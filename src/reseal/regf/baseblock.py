"""The base block: the first 4096 bytes of a hive. A log file repeats the first 512 of them.

Format: "Windows registry file format specification" by Maxim Suhanov, checked against hives that Windows
wrote.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from mmap import mmap
from typing import Self, TypeAlias

from reseal.regf.errors import RegfError

#: The bytes of a hive: in memory, or mapped with `ACCESS_COPY` from a file that does not change, so that
#: only accessed pages are read.
Content: TypeAlias = bytes | bytearray | mmap

#: Bytes of the base block in a hive; cell offsets are relative to its end.
SIZE = 4096
#: Bytes up to the checksum, and bytes of the base block in a log file.
SECTOR = 512

SIGNATURE = b"regf"
PRIMARY_FILE = 0
LOG_DIRT = (1, 2)
LOG_HVLE = 6
_DIRECT_MEMORY_LOAD = 1

PRIMARY_SEQUENCE = 4
SECONDARY_SEQUENCE = 8
TIMESTAMP = 12
MINOR_VERSION = 24
FILE_TYPE = 28
ROOT = 36
BINS_SIZE = 40
FILE_NAME_SIZE = 64
FILE_NAME = 48
FLAGS = 144
CHECKSUM = 508

#: Hives of version 1.0 and 1.1 (Windows NT 3.1) have a different cell format.
OLDEST_MINOR, NEWEST_MINOR = 2, 6
#: Maximum end of the hive bins data: cell offsets have 31 bits; the top bit marks volatile cells.
BINS_LIMIT = 0x7FFFE000


@dataclass(frozen=True, slots=True)
class BaseBlock:
    """The fields of a base block that are needed for reading.

    Attributes:
        sequences: primary and secondary sequence number.
        timestamp: time of the last write, FILETIME.
        minor: minor version of the format; the major version is always 1.
        file_type: 0 hive, 1 or 2 old log, 6 log with HvLE entries.
        root: offset of the root key's cell.
        bins_size: bytes of hive bins data after the base block.
        flags: bit 0: the transaction manager has pending transactions.
        intact: whether signature and checksum are right.
    """

    sequences: tuple[int, int]
    timestamp: int
    minor: int
    file_type: int
    root: int
    bins_size: int
    flags: int
    intact: bool

    @classmethod
    def parse(cls, data: Content) -> Self | None:
        """Return the fields, or None if `data` is too short."""
        if len(data) < SECTOR:
            return None
        primary, secondary, timestamp, _, minor, file_type, _, root, bins_size = struct.unpack_from(
            "<IIQIIIIII", data, PRIMARY_SEQUENCE
        )
        (flags,) = struct.unpack_from("<I", data, FLAGS)
        (stored,) = struct.unpack_from("<I", data, CHECKSUM)
        intact = bytes(data[:4]) == SIGNATURE and stored == checksum(data)
        return cls(
            (primary, secondary), timestamp, minor, file_type, root, bins_size, flags, intact
        )

    @property
    def dirty(self) -> bool:
        """Whether a write was not completed."""
        return self.sequences[0] != self.sequences[1]


def checksum(data: Content) -> int:
    """Return the checksum of a base block: the exclusive or of its first 127 words."""
    result = 0
    for (word,) in struct.iter_unpack("<I", data[:CHECKSUM]):
        result ^= word
    # Windows never stores these two values (reported: Suhanov; inferred for 0).
    if result == 0xFFFFFFFF:
        return 0xFFFFFFFE
    return result or 1


def check(block: BaseBlock, data: Content, name: str) -> None:
    """Raise RegfError if the hive can't be read.

    Args:
        block: its base block.
        data: the whole file.
        name: name of the hive in messages.

    Raises:
        RegfError: the version is unsupported, or the file is truncated or not a hive.
    """
    major, minor, file_type, file_format = struct.unpack_from("<IIII", data, 20)
    if major != 1 or not OLDEST_MINOR <= minor <= NEWEST_MINOR:
        msg = f"{name} is a hive of version {major}.{minor}, which reseal does not support."
        raise RegfError(msg)
    if file_type != PRIMARY_FILE or file_format != _DIRECT_MEMORY_LOAD:
        msg = f"{name} is not a hive but another registry file (type {file_type})."
        raise RegfError(msg)
    if block.bins_size % 4096 or not 0 < block.bins_size <= BINS_LIMIT:
        msg = f"{name}: the base block has an impossible size of {block.bins_size} bytes."
        raise RegfError(msg)
    if len(data) < SIZE + block.bins_size:
        msg = (
            f"{name} is truncated: it ends at 0x{len(data):x}; by its base block it ends at "
            f"0x{SIZE + block.bins_size:x}."
        )
        raise RegfError(msg)


def new(minor: int, file_name: str) -> bytearray:
    """Return the base block of an empty hive, without sizes and checksum."""
    block = bytearray(SIZE)
    struct.pack_into("<4s2IQ4I", block, 0, SIGNATURE, 1, 1, 0, 1, minor, 0, _DIRECT_MEMORY_LOAD)
    struct.pack_into("<I", block, 44, 1)
    block[FILE_NAME : FILE_NAME + FILE_NAME_SIZE] = file_name_field(file_name)
    return block


def file_name_field(file_name: str) -> bytes:
    """Return the file name field: the end of the name. Windows does not read it (reported)."""
    tail = file_name.encode("utf-16-le", "replace")[-FILE_NAME_SIZE + 2 :]
    return tail.ljust(FILE_NAME_SIZE, b"\0")
