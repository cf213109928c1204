"""Encode, compare, sort and hash the names of keys and values.

A name is stored compressed, one byte per character (ISO 8859-1), if all characters are below U+0100;
otherwise as UTF-16LE. Windows compares names by the code units of their upper-cased form. Subkey lists
are sorted in this order (seen in all hives of Windows).
"""

from __future__ import annotations

import struct

from reseal.regf import node
from reseal.regf.cells import Cells
from reseal.regf.upcase import TABLE

_U16 = struct.Struct("<H")


def decode(data: bytes | bytearray | memoryview, *, compressed: bool) -> str:
    """Decode a stored name. Unpaired surrogates, which Windows allows, are preserved."""
    if compressed:
        return str(data, "latin-1")
    return str(data[: len(data) & ~1], "utf-16-le", "surrogatepass")


def encode(name: str) -> tuple[bytes, bool]:
    """Encode a name; return its bytes, and whether it is compressed."""
    try:
        return name.encode("latin-1"), True
    except UnicodeEncodeError:
        return name.encode("utf-16-le", "surrogatepass"), False


def units(name: str) -> int:
    """Return the length of a name in UTF-16 code units."""
    return len(name) if name.isascii() else len(name.encode("utf-16-le", "surrogatepass")) // 2


def upcase(name: str) -> str:
    """Return the upper-cased form of a name, one character per UTF-16 code unit.

    Windows compares and sorts names by this form. Use it only for comparison: it may contain unpaired
    surrogates.
    """
    if name.isascii():
        return name.upper()
    if max(name) > "\uffff":
        raw = memoryview(name.encode("utf-16-le", "surrogatepass"))
        name = "".join(map(chr, struct.unpack(f"<{len(raw) // 2}H", raw)))
    return name.translate(TABLE)


def hash_lh(upper: str) -> int:
    """Return the hash of an upper-cased name in an lh list."""
    result = 0
    for character in upper:
        result = result * 37 + ord(character)
    return result & 0xFFFFFFFF


def hint_lf(name: str) -> bytes:
    """Return the hint of a name in an lf list: its first four characters.

    A character outside ISO 8859-1 ends the hint; the rest is NUL.
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
    content = cells.data
    flags: int = _U16.unpack_from(content, start + node.NK_FLAGS)[0]
    size: int = _U16.unpack_from(content, start + node.NK_NAME_SIZE)[0]
    first = start + node.NK_SIZE
    if first + size > end:
        raise cells.damage("the name of a key is longer than its cell", offset)
    return decode(content[first : first + size], compressed=bool(flags & node.COMPRESSED))


def size_of_value(cells: Cells, offset: int) -> int:
    """Return the bytes of the stored name of the value at a cell offset."""
    start, _ = cells.locate_signed(offset, b"vk", node.VK_SIZE, "a value")
    size: int = _U16.unpack_from(cells.data, start + node.VK_NAME_SIZE)[0]
    return size


def of_value(cells: Cells, offset: int) -> str:
    """Return the name of the value at a cell offset."""
    start, end = cells.locate_signed(offset, b"vk", node.VK_SIZE, "a value")
    content = cells.data
    size: int = _U16.unpack_from(content, start + node.VK_NAME_SIZE)[0]
    flags: int = _U16.unpack_from(content, start + node.VK_FLAGS)[0]
    first = start + node.VK_SIZE
    if first + size > end:
        raise cells.damage("the name of a value is longer than its cell", offset)
    return decode(content[first : first + size], compressed=bool(flags & node.VK_COMPRESSED))
