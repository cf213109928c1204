"""The entries of BitLocker's metadata and of its key files: sized, typed, nested.

Layout: documented by libbde. Sizes come from the image, so every entry is checked against its container
before it is parsed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from uuid import UUID

from reseal.bitlocker.errors import MetadataError

_HEAD = struct.Struct("<HHHH")  # size including this header, role, type, version


class Role(IntEnum):
    """The purpose of an entry."""

    MASTER_KEY = 2
    VOLUME_KEY = 3
    STARTUP_KEY = 6
    DESCRIPTION = 7
    HEADER_BLOCK = 15


class Type(IntEnum):
    """The layout of an entry's data."""

    KEY = 1
    TEXT = 2
    STRETCH_KEY = 3
    WRAPPED_KEY = 5
    MASTER_KEY = 8
    EXTERNAL_KEY = 9
    OFFSET_AND_SIZE = 15


#: Bytes before the nested entries of a type.
_NESTED_FROM = {Type.STRETCH_KEY: 20, Type.MASTER_KEY: 28, Type.EXTERNAL_KEY: 24}


@dataclass(frozen=True, slots=True, repr=False)
class Entry:
    """One entry. Its repr omits the data, which may be a key.

    Attributes:
        role: its purpose.
        type: the layout of its data.
        data: the bytes after its header.
    """

    role: int
    type: int
    data: bytes

    def nested(self) -> Iterator[Entry]:
        """Yield the entries that this one holds.

        Raises:
            MetadataError: one of them is larger than the rest.
        """
        start = _NESTED_FROM[Type(self.type)]
        if len(self.data) < start:
            raise MetadataError("an entry is cut off")
        yield from entries(self.data[start:])

    def find(self, kind: Type) -> Entry | None:
        """Return the first nested entry of a type."""
        return next((one for one in self.nested() if one.type == kind), None)

    @property
    def guid(self) -> UUID:
        """The identifier at the start of a master key or an external key."""
        if len(self.data) < 16:
            raise MetadataError("an entry is cut off")
        return UUID(bytes_le=self.data[:16])

    @property
    def text(self) -> str:
        """The text of a TEXT entry."""
        return self.data.decode("utf-16-le", errors="replace").rstrip("\0")

    @property
    def key(self) -> bytes:
        """The key of a KEY entry, which follows its method."""
        return self.data[4:]

    @property
    def salt(self) -> bytes:
        """The salt of a STRETCH_KEY entry."""
        return self.data[4:20]


def entries(data: bytes) -> Iterator[Entry]:
    """Yield consecutive entries; zeros or a rest too small for a header end them.

    Raises:
        MetadataError: an entry is smaller than its header or larger than the rest.
    """
    place = 0
    while place + _HEAD.size <= len(data):
        size, role, kind, _ = _HEAD.unpack_from(data, place)
        if size == 0:
            return
        if size < _HEAD.size or place + size > len(data):
            raise MetadataError("an entry has an impossible size")
        yield Entry(role, kind, data[place + _HEAD.size : place + size])
        place += size
