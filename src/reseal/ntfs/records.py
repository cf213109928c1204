"""Decode file records and directory indexes.

Layout: documented by the Linux-NTFS project. Every field is checked against the size of its record,
because the volume may be hostile.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from reseal.tree import TreeError

#: Attribute types.
STANDARD_INFORMATION = 0x10
FILE_NAME = 0x30
VOLUME_NAME = 0x60
VOLUME_INFORMATION = 0x70
DATA = 0x80
INDEX_ROOT = 0x90
INDEX_ALLOCATION = 0xA0
BITMAP = 0xB0
REPARSE_POINT = 0xC0

#: File record numbers of metadata files; all numbers below FIRST_USER_FILE are reserved for them.
LOG_FILE = 2
VOLUME = 3
ROOT = 5
EXTEND = 11
FIRST_USER_FILE = 16
#: The record number in a file reference; the other bits are the sequence number.
RECORD_MASK = (1 << 48) - 1

#: Flags of an attribute record.
ATTRIBUTE_COMPRESSED = 0x00FF
ATTRIBUTE_ENCRYPTED = 0x4000
ATTRIBUTE_SPARSE = 0x8000

#: Namespaces of a file name.
NAME_POSIX, NAME_WIN32, NAME_DOS, NAME_WIN32_AND_DOS = range(4)

#: FILE_ATTR_I30_INDEX_PRESENT in the attributes of a file name: the entry is a directory.
INDEXED = 0x10000000

_ENTRY_HAS_CHILD = 0x1
_ENTRY_LAST = 0x2
_ENTRY_HEADER = struct.Struct("<QHHHH")
_FILE_NAME = struct.Struct("<QqqqqQQIIBB")
#: Offsets of the index header in an index block, and of the entries after the index header.
_INDEX_BLOCK_HEADER = 24
_INDEX_ROOT_HEADER = 16


def decode_name(raw: bytes) -> str:
    """Decode a name, which may contain unpaired surrogates."""
    return raw.decode("utf-16-le", "surrogatepass")


def encode_name(name: str) -> bytes:
    """Encode a name as the volume stores it."""
    return name.encode("utf-16-le", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Attribute:
    """The head of an attribute record.

    Attributes:
        type: one of the constants above.
        name: empty for an unnamed attribute.
        resident: whether the value is in the file record.
        flags: ATTRIBUTE_* bits.
        size: bytes in the value.
        allocated: bytes that the value occupies outside the record.
        first_cluster: first cluster (VCN) of the part of the value that this record maps; only the record
            with 0 has the sizes.
    """

    type: int
    name: str
    resident: bool
    flags: int
    size: int
    allocated: int
    first_cluster: int

    @property
    def compressed(self) -> bool:
        """Whether the value is LZNT1-compressed."""
        return bool(self.flags & ATTRIBUTE_COMPRESSED)

    @property
    def encrypted(self) -> bool:
        """Whether the value is encrypted by EFS."""
        return bool(self.flags & ATTRIBUTE_ENCRYPTED)

    @property
    def sparse(self) -> bool:
        """Whether the value has holes."""
        return bool(self.flags & ATTRIBUTE_SPARSE)


def parse_attribute(raw: bytes) -> Attribute:
    """Decode an attribute record. Raises TreeError if it is damaged."""
    try:
        kind, _length, non_resident, name_length, name_offset, flags = struct.unpack_from(
            "<IIBBHH", raw
        )
        name = raw[name_offset : name_offset + 2 * name_length]
        if non_resident:
            first, allocated, size = struct.unpack_from("<q16xqq", raw, 16)
        else:
            (size,) = struct.unpack_from("<I", raw, 16)
            first = allocated = 0
    except struct.error as error:
        msg = "The file system is damaged: an attribute record is truncated."
        raise TreeError(msg) from error
    if len(name) != 2 * name_length or size < 0 or allocated < 0:
        msg = "The file system is damaged: an attribute record is inconsistent."
        raise TreeError(msg)
    return Attribute(kind, decode_name(name), not non_resident, flags, size, allocated, first)


@dataclass(frozen=True, slots=True)
class FileName:
    """One name of a file.

    Attributes:
        parent: file reference of the folder that holds it.
        name: the name.
        namespace: one of NAME_*.
    """

    parent: int
    name: str
    namespace: int


def parse_file_name(raw: bytes) -> FileName:
    """Decode a $FILE_NAME attribute record. Raises TreeError if it is damaged."""
    try:
        size, start = struct.unpack_from("<IH", raw, 16)
        parent, *_, length, namespace = _FILE_NAME.unpack_from(raw, start)
        first = start + _FILE_NAME.size
        name = raw[first : first + 2 * length]
        if raw[8] or len(name) != 2 * length or size < _FILE_NAME.size + len(name):
            raise struct.error
    except (struct.error, IndexError) as error:
        msg = "The file system is damaged: a file name is truncated."
        raise TreeError(msg) from error
    return FileName(parent, decode_name(name), namespace)


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """One name in a directory's index, with a copy of the file's metadata.

    Windows updates the copy when the file is changed through this name. It may be stale if the file has
    several hard links, as FindFirstFile's result may be (documented).

    Attributes:
        reference: file reference: record number and sequence number.
        namespace: one of NAME_*.
        modified: 100 ns since 1601-01-01 UTC.
        attributes: FILE_ATTRIBUTE_* bits and INDEXED.
        reparse_tag: 0 unless the attributes have REPARSE_POINT.
    """

    reference: int
    name: str
    namespace: int
    size: int
    attributes: int
    reparse_tag: int
    modified: int

    @property
    def record(self) -> int:
        """The file record number."""
        return self.reference & RECORD_MASK


def _entries(raw: bytes, header: int) -> Iterator[DirectoryEntry]:
    """Yield the names in an index node whose index header is at offset `header`."""
    try:
        first, used = struct.unpack_from("<II", raw, header)
        position, end = header + first, header + used
        if end > len(raw):
            raise struct.error
        while True:
            reference, length, key_length, flags, _ = _ENTRY_HEADER.unpack_from(raw, position)
            if flags & _ENTRY_LAST:
                return
            if length < _ENTRY_HEADER.size or position + length > end:
                raise struct.error
            key = position + _ENTRY_HEADER.size
            _parent, _, modified, _, _, _, size, attributes, tag, name_length, namespace = (
                _FILE_NAME.unpack_from(raw, key)
            )
            if key_length < _FILE_NAME.size + 2 * name_length or key + key_length > end:
                raise struct.error
            start = key + _FILE_NAME.size
            yield DirectoryEntry(
                reference,
                decode_name(raw[start : start + 2 * name_length]),
                namespace,
                size,
                attributes,
                tag if attributes & 0x400 else 0,
                modified,
            )
            position += length
    except struct.error as error:
        msg = "The file system is damaged: a directory index is unreadable."
        raise TreeError(msg) from error


def root_entries(index_root: bytes) -> Iterator[DirectoryEntry]:
    """Yield the names in an $INDEX_ROOT attribute. Raises TreeError if it is damaged."""
    return _entries(index_root, _INDEX_ROOT_HEADER)


def block_entries(block: bytes) -> Iterator[DirectoryEntry]:
    """Yield the names in an index block whose update sequence was already undone.

    Raises:
        TreeError: the block is damaged.
    """
    if block[:4] != b"INDX":
        msg = "The file system is damaged: a directory index block has no signature."
        raise TreeError(msg)
    return _entries(block, _INDEX_BLOCK_HEADER)
