"""Security identifiers (SIDs), binary and as text.

Layout (documented, [MS-DTYP] 2.4.2): revision (1 byte, 1), count of sub-authorities (1 byte, at most
15), authority (6 bytes, big-endian), then the sub-authorities (4 bytes each, little-endian).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

_TEXT = re.compile(r"S-1-(\d{1,15})((?:-\d{1,10}){1,15})", re.IGNORECASE)
_MAX_SUB_AUTHORITIES = 15
_HEADER = 8


@dataclass(frozen=True, slots=True)
class Sid:
    """One SID: authority and sub-authorities."""

    authority: int
    sub_authorities: tuple[int, ...]

    @classmethod
    def from_bytes(cls, data: bytes) -> Sid:
        """Parse a binary SID; ignore bytes after it. Raises ValueError if it is invalid."""
        if len(data) < _HEADER or data[0] != 1 or data[1] > _MAX_SUB_AUTHORITIES:
            msg = "not a binary SID"
            raise ValueError(msg)
        count = data[1]
        if len(data) < _HEADER + 4 * count:
            msg = "the binary SID is truncated"
            raise ValueError(msg)
        subs = struct.unpack_from(f"<{count}I", data, _HEADER)
        return cls(int.from_bytes(data[2:8], "big"), subs)

    @classmethod
    def parse(cls, text: str) -> Sid:
        """Parse `S-1-…`. Raises ValueError if it is not a SID."""
        match = _TEXT.fullmatch(text)
        if not match:
            msg = f"{text!r} is not a SID"
            raise ValueError(msg)
        subs = tuple(int(part) for part in match[2][1:].split("-"))
        if any(sub >= 1 << 32 for sub in subs) or int(match[1]) >= 1 << 48:
            msg = f"{text!r} has a number that is too large for a SID"
            raise ValueError(msg)
        return cls(int(match[1]), subs)

    def to_bytes(self) -> bytes:
        """The binary form."""
        count = len(self.sub_authorities)
        header = bytes((1, count)) + self.authority.to_bytes(6, "big")
        return header + struct.pack(f"<{count}I", *self.sub_authorities)

    @property
    def is_machine(self) -> bool:
        """Whether it has the form S-1-5-21-x-y-z of a machine or domain SID."""
        return (
            self.authority == 5 and len(self.sub_authorities) == 4 and self.sub_authorities[0] == 21
        )

    def relative(self, rid: int) -> Sid:
        """The SID of an account of this machine or domain."""
        return Sid(self.authority, (*self.sub_authorities, rid))

    def __str__(self) -> str:
        return "-".join(("S-1", str(self.authority), *map(str, self.sub_authorities)))
