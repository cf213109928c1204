"""Names of keys and values: how they are stored, compared, sorted and hashed.

A name is stored compressed, one byte a character (ISO 8859-1), where every character is below
U+0100, and otherwise as UTF-16LE. Windows compares names without regard to case, by the code units
of their upper-cased form; subkey lists are sorted in that order (seen in all hives of Windows).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from reseal.regf import node
from reseal.regf.upcase import TABLE

if TYPE_CHECKING:
    from reseal.regf.cells import Cells


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
    if max(name) > "\uffff":
        raw = memoryview(name.encode("utf-16-le", "surrogatepass"))
        name = "".join(map(chr, struct.unpack(f"<{len(raw) // 2}H", raw)))
    return name.translate(TABLE)


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


def of_key(cells: Cells, offset: int) -> str:
    """Return the name of the key at a cell offset."""
    start, end = cells.locate_signed(offset, b"nk", node.NK_SIZE, "a key")
    (flags,) = struct.unpack_from("<H", cells.data, start + node.NK_FLAGS)
    (size,) = struct.unpack_from("<H", cells.data, start + node.NK_NAME_SIZE)
    first = start + node.NK_SIZE
    if first + size > end:
        raise cells.damage("the name of a key is longer than its cell", offset)
    return decode(cells.data[first : first + size], compressed=bool(flags & node.COMPRESSED))


def of_value(cells: Cells, offset: int) -> str:
    """Return the name of the value at a cell offset."""
    start, end = cells.locate_signed(offset, b"vk", node.VK_SIZE, "a value")
    (size,) = struct.unpack_from("<H", cells.data, start + node.VK_NAME_SIZE)
    (flags,) = struct.unpack_from("<H", cells.data, start + node.VK_FLAGS)
    first = start + node.VK_SIZE
    if first + size > end:
        raise cells.damage("the name of a value is longer than its cell", offset)
    return decode(cells.data[first : first + size], compressed=bool(flags & node.VK_COMPRESSED))
