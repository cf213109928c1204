"""Names of keys and values: how they are stored, compared, sorted and hashed.

A name is stored compressed, one byte a character (ISO 8859-1), where every character is below
U+0100, and otherwise as UTF-16LE. Windows compares names without regard to case, by the code units
of their upper-cased form; subkey lists are sorted in that order (seen in all hives of Windows).
"""

from __future__ import annotations

#: Longest names that Windows allows, in UTF-16 code units (documented: "Registry Element Size
#: Limits").
KEY_NAME_LIMIT = 255
VALUE_NAME_LIMIT = 16383


def decode(data: bytes | bytearray | memoryview, *, compressed: bool) -> str:
    """Return a stored name. Half surrogates, which Windows allows, stay half surrogates."""
    if compressed:
        return str(data, "latin-1")
    return str(data[: len(data) & ~1], "utf-16-le", "surrogatepass")


def encode(name: str) -> tuple[bytes, bool]:
    """Return the stored form of a name, and whether it is compressed."""
    try:
        return name.encode("latin-1"), True
    except UnicodeEncodeError:
        return name.encode("utf-16-le", "surrogatepass"), False


def units(name: str) -> int:
    """Return the length of a name in UTF-16 code units."""
    return len(name) if name.isascii() else len(name.encode("utf-16-le", "surrogatepass")) // 2


def upcase(name: str) -> str:
    """Return the upper-cased form of a name, one character for each UTF-16 code unit.

    Two names are the same to Windows when their upper-cased forms are equal, and names sort as
    these forms do. The result is for comparison only: it may hold half surrogates.
    """
    if name.isascii():
        return name.upper()
    code_units = memoryview(name.encode("utf-16-le", "surrogatepass")).cast("H")
    return "".join(_upcase_unit(unit) for unit in code_units)


def _upcase_unit(unit: int) -> str:
    upper = chr(unit).upper()
    if len(upper) != 1 or ord(upper) > 0xFFFF or unit in (0xB5, 0x131, 0x17F):
        return chr(unit)
    return upper


def hash_lh(upper: str) -> int:
    """Return the hash that an lh list keeps for a key, of its upper-cased name."""
    result = 0
    for character in upper:
        result = result * 37 + ord(character)
    return result & 0xFFFFFFFF


def hint_lf(name: str) -> bytes:
    """Return the hint that an lf list keeps for a key: its first four characters as they are.

    A character beyond ISO 8859-1 ends the hint, and the rest is NUL.
    """
    hint = bytearray(4)
    for index, character in enumerate(name[:4]):
        if ord(character) > 0xFF:
            break
        hint[index] = ord(character)
    return bytes(hint)
