r"""The lines of AddReg sections (documented: Microsoft, INF AddReg Directive).

A line is `root, subkey, name, flags, data…`. The flags give the value's type and how it is written:

| bit | meaning | mark |
|---|---|---|
| 0x1 | the data is not text; the upper half gives its type | documented |
| 0x2 | only if the value does not exist yet | documented |
| 0x4 | the value is deleted | documented |
| 0x8 | the strings are added to the existing ones | documented |
| 0x10 | only the key | documented |
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reseal.drivers.inf import Line
from reseal.regf import types

_BYTES, NO_CLOBBER, _DELETE, APPEND, _KEY_ONLY = 0x1, 0x2, 0x4, 0x8, 0x10
#: The bit that makes the line a line of a DelReg section (documented).
_DELREG = 0x8000
_NUMBER = re.compile(r"\s*([+-]?)(0x[0-9a-f]{1,16}|[0-9]{1,20})\s*", re.IGNORECASE)
#: The longest name of a key (documented, "Registry Element Size Limits"), and the deepest nesting.
_MAX_KEY, _MAX_DEPTH = 255, 32


@dataclass(frozen=True, slots=True)
class Setting:
    """A value that an INF file sets below its key.

    Attributes:
        path: the path of the value's key below that key; empty for that key itself.
        name: the value's name; empty for the key's default value.
        kind: REG_…; None if the line only creates the key.
        data: the data as the registry stores it.
        flags: the line's flags.
    """

    path: str
    name: str
    kind: int | None
    data: bytes
    flags: int = 0


def settings(lines: Iterable[Line]) -> Iterator[Setting]:
    """Yield the settings of an AddReg section that are relative to a device or service (`HKR`).

    Windows makes the others when it installs the package; lines that delete are skipped.
    """
    for line in lines:
        found = _setting(line)
        if found is not None:
            yield found


def number(text: str) -> int | None:
    """Parse a number as INF files write it: decimal, or hexadecimal with 0x."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    return int(match[1] + match[2], 16 if match[2].lower().startswith("0x") else 10)


def _setting(line: Line) -> Setting | None:
    root, path, name = (line.field(index) for index in range(3))
    if root.upper() != "HKR" or line.key is not None:
        return None
    path = path.strip("\\")
    parts = path.split("\\") if path else []
    if len(parts) > _MAX_DEPTH or any(not 0 < len(one) <= _MAX_KEY for one in parts):
        return None
    flags = number(line.field(3)) or 0
    if flags & (_DELETE | _DELREG):
        return None
    if flags & _KEY_ONLY or len(line.fields) < 3:
        return Setting(path, "", None, b"", flags)
    kind, data = _data(flags, line.fields[4:])
    return Setting(path, name, kind, data, flags)


def _data(flags: int, fields: tuple[str, ...]) -> tuple[int, bytes]:
    kind = flags >> 16 & 0xFFFF
    first = fields[0] if fields else ""
    if not flags & _BYTES:
        # 0 text, 1 a list, 2 text with variables (documented).
        kind = {1: types.REG_MULTI_SZ, 2: types.REG_EXPAND_SZ}.get(kind, types.REG_SZ)
        if kind == types.REG_MULTI_SZ:
            return kind, types.encode(kind, [one for one in fields if one])
        return kind, types.encode(kind, first)
    # 0 bytes, 1 a number, 2 no type; every other number is the type itself (documented).
    kind = {0: types.REG_BINARY, 1: types.REG_DWORD, 2: types.REG_NONE}.get(kind, kind)
    if kind == types.REG_DWORD and len(fields) <= 1:
        return kind, types.encode(kind, (number(first) or 0) & 0xFFFFFFFF)
    if kind == types.REG_QWORD and len(fields) <= 1:
        return kind, types.encode(kind, (number(first) or 0) & 0xFFFFFFFFFFFFFFFF)
    return kind, bytes(_byte(one) for one in fields if one.strip())


def _byte(text: str) -> int:
    """Parse a byte in hexadecimal, with or without 0x (documented)."""
    try:
        return int(text, 16) & 0xFF
    except ValueError:
        return 0
