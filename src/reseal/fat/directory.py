"""Directories of a FAT volume: short entries and the long names before them.

Documented: Microsoft, FAT32 File System Specification, version 1.03. The lower-case bits that Windows NT
sets in a short entry are reported (Linux, fs/fat).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from reseal.fat.boot import ENTRY_SIZE
from reseal.tree import DIRECTORY

#: A directory has at most 65,536 entries.
MAX_SIZE = 65536 * ENTRY_SIZE

_LONG, _LONG_MASK = 0x0F, 0x3F
_VOLUME_LABEL = 0x08
_ATTRIBUTES = 0x37
_END, _DELETED, _ESCAPED = 0x00, 0xE5, 0x05
_LAST_LONG, _SEQUENCE = 0x40, 0x3F
_LOWER_BASE, _LOWER_EXTENSION = 0x08, 0x10
# name, attributes, case, high cluster, low cluster, size
_SHORT = struct.Struct("<11sBB7xH4xHI")
_HIGH_CLUSTER, _LOW_CLUSTER_AND_SIZE = 20, 26


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a directory.

    Attributes:
        name: the long name, or the short name if there is no long one.
        short: the short name.
        attributes: as in `reseal.tree`.
        cluster: the first cluster; 0 for an empty file.
        size: bytes; 0 for directories.
        position: byte offset of the short entry in the directory.
    """

    name: str
    short: str
    attributes: int
    cluster: int
    size: int
    position: int

    @property
    def is_directory(self) -> bool:
        """Whether this is a directory."""
        return bool(self.attributes & DIRECTORY)

    def called(self, name: str) -> bool:
        """Whether the entry has this name, ignoring case."""
        return name.upper() in {self.name.upper(), self.short.upper()}


def entries(data: bytes, *, wide: bool) -> Iterator[Entry]:
    """Yield the entries of a directory, without `.`, `..` and the volume label.

    Args:
        data: the content of the directory.
        wide: whether cluster numbers have 32 bits (FAT32).
    """
    parts: list[tuple[int, int, str]] = []
    for position in range(0, len(data) - ENTRY_SIZE + 1, ENTRY_SIZE):
        raw = data[position : position + ENTRY_SIZE]
        if raw[0] == _END:
            return
        if raw[0] == _DELETED:
            parts = []
        elif raw[11] & _LONG_MASK == _LONG:
            parts = _collect(parts, raw)
        else:
            entry = _entry(raw, parts, position, wide=wide)
            parts = []
            if entry and entry.name not in {".", ".."}:
                yield entry


def changed(raw: bytes, cluster: int, size: int) -> bytes:
    """Return a short entry with another first cluster and size.

    Args:
        raw: the entry, 32 bytes.
        cluster: the new first cluster; 0 for an empty file.
        size: the new size in bytes.
    """
    entry = bytearray(raw)
    struct.pack_into("<H", entry, _HIGH_CLUSTER, cluster >> 16)
    struct.pack_into("<HI", entry, _LOW_CLUSTER_AND_SIZE, cluster & 0xFFFF, size)
    return bytes(entry)


def _collect(parts: list[tuple[int, int, str]], raw: bytes) -> list[tuple[int, int, str]]:
    """Add one part of a long name: (its number, checksum, text); the last part comes first."""
    number = raw[0] & _SEQUENCE
    units = raw[1:11] + raw[14:26] + raw[28:32]
    part = (number, raw[13], units.decode("utf-16-le", "replace"))
    if raw[0] & _LAST_LONG:
        return [part]
    if parts and parts[-1][0] == number + 1 and parts[-1][1] == raw[13]:
        return [*parts, part]
    return []


def _entry(
    raw: bytes, parts: list[tuple[int, int, str]], position: int, *, wide: bool
) -> Entry | None:
    stored, attributes, case, high, low, size = _SHORT.unpack(raw)
    if attributes & _VOLUME_LABEL:
        return None
    short = _short_name(stored, case)
    name = short
    if parts and parts[-1][0] == 1 and parts[-1][1] == _checksum(stored):
        text = "".join(text for _, _, text in reversed(parts))
        name = text.partition("\0")[0] or short
    directory = bool(attributes & DIRECTORY)
    cluster = low | (high << 16 if wide else 0)
    return Entry(
        name=name,
        short=short,
        attributes=attributes & _ATTRIBUTES,
        cluster=cluster,
        size=0 if directory else size,
        position=position,
    )


def _short_name(stored: bytes, case: int) -> str:
    first = bytes([_DELETED]) if stored[0] == _ESCAPED else stored[:1]
    text = (first + stored[1:]).decode("cp437")
    base, extension = text[:8].rstrip(), text[8:].rstrip()
    if case & _LOWER_BASE:
        base = base.lower()
    if case & _LOWER_EXTENSION:
        extension = extension.lower()
    return f"{base}.{extension}" if extension else base


def _checksum(stored: bytes) -> int:
    total = 0
    for byte in stored:
        total = ((total & 1) << 7) + (total >> 1) + byte & 0xFF
    return total
