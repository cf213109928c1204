"""One machine SID for another, in bytes, in text and in names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from reseal.windows import Sid

#: Bytes of a binary SID before its sub-authorities: the count in them differs between a machine and
#: its accounts.
_HEADER = 8
#: 21, which comes before the three numbers.
_PREFIX = 4


@dataclass(frozen=True)
class Replacement:
    """The exact machine SID `old`, alone or as the head of an account's SID, gives way to `new`."""

    old: Sid
    new: Sid

    @property
    def same_length(self) -> bool:
        """Whether both have as many characters as text."""
        return len(str(self.old)) == len(str(self.new))

    @property
    def old_binary(self) -> bytes:
        """The sub-authorities of the old SID, as every binary form of it and its accounts has."""
        return self.old.to_bytes()[_HEADER:]

    @property
    def new_binary(self) -> bytes:
        """The sub-authorities of the new SID."""
        return self.new.to_bytes()[_HEADER:]

    @cached_property
    def _name(self) -> re.Pattern[str]:
        return re.compile(rf"(?<!\d){re.escape(str(self.old)[2:])}(?!\d)", re.ASCII)

    @cached_property
    def _bytes(self) -> tuple[tuple[bytes, re.Pattern[bytes], bytes], ...]:
        # A pattern that begins with a lookbehind is tried at each byte, so look for the plain text first.
        old, new = str(self.old)[2:], str(self.new)[2:]
        wide, narrow = old.encode("utf-16-le"), old.encode("ascii")
        return (
            (
                wide,
                re.compile(rb"(?<![0-9]\0)" + re.escape(wide) + rb"(?![0-9]\0)"),
                new.encode("utf-16-le"),
            ),
            (
                narrow,
                re.compile(rb"(?<![0-9])" + re.escape(narrow) + rb"(?![0-9])"),
                new.encode("ascii"),
            ),
        )

    def in_text(self, text: str) -> str:
        """Replace it in a text or a name."""
        return self._name.sub(str(self.new)[2:], text)

    def in_bytes(self, data: bytes) -> bytes:
        """Replace it in the bytes of a text, be it UTF-16, UTF-8 or a single-byte encoding."""
        for plain, pattern, new in self._bytes:
            if plain in data:
                data = pattern.sub(lambda _, new=new: new, data)  # type: ignore[misc]
        return data

    def count(self, data: bytes) -> int:
        """Count it in any bytes: as text and in binary, where the three numbers are enough."""
        found = data.count(self.old_binary[_PREFIX:])
        return found + sum(
            1 for plain, pattern, _ in self._bytes if plain in data for _ in pattern.finditer(data)
        )
