"""The types of registry values, and their data as Python values (documented by Microsoft)."""

from __future__ import annotations

from reseal.regf.errors import RegfError

REG_NONE = 0
REG_SZ = 1
REG_EXPAND_SZ = 2
REG_BINARY = 3
REG_DWORD = 4
REG_DWORD_BIG_ENDIAN = 5
REG_LINK = 6
REG_MULTI_SZ = 7
REG_RESOURCE_LIST = 8
REG_FULL_RESOURCE_DESCRIPTOR = 9
REG_RESOURCE_REQUIREMENTS_LIST = 10
REG_QWORD = 11

#: Type numbers and their names. Real hives also have other numbers, which are preserved.
NAMES = {
    REG_NONE: "REG_NONE",
    REG_SZ: "REG_SZ",
    REG_EXPAND_SZ: "REG_EXPAND_SZ",
    REG_BINARY: "REG_BINARY",
    REG_DWORD: "REG_DWORD",
    REG_DWORD_BIG_ENDIAN: "REG_DWORD_BIG_ENDIAN",
    REG_LINK: "REG_LINK",
    REG_MULTI_SZ: "REG_MULTI_SZ",
    REG_RESOURCE_LIST: "REG_RESOURCE_LIST",
    REG_FULL_RESOURCE_DESCRIPTOR: "REG_FULL_RESOURCE_DESCRIPTOR",
    REG_RESOURCE_REQUIREMENTS_LIST: "REG_RESOURCE_REQUIREMENTS_LIST",
    REG_QWORD: "REG_QWORD",
}

_STRINGS = (REG_SZ, REG_EXPAND_SZ, REG_LINK)
_INTEGERS = {REG_DWORD: (4, "little"), REG_DWORD_BIG_ENDIAN: (4, "big"), REG_QWORD: (8, "little")}


def name(number: int) -> str:
    """Return the name of a type, such as `REG_SZ`, or its number in hexadecimal."""
    return NAMES.get(number, f"0x{number:x}")


def encode(number: int, value: str | int | list[str] | bytes) -> bytes:
    """Encode the data of a value of type `number`; bytes are used unchanged.

    Strings get the terminating NUL that Windows expects, except REG_LINK, whose target has none.

    Raises:
        RegfError: the Python type of `value` does not fit this type of value.
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, str) and number in _STRINGS:
        text = value if number == REG_LINK else value + "\0"
        return text.encode("utf-16-le", "surrogatepass")
    if isinstance(value, list) and number == REG_MULTI_SZ:
        text = "".join(f"{line}\0" for line in value) + "\0"
        return text.encode("utf-16-le", "surrogatepass")
    if isinstance(value, int) and number in _INTEGERS:
        size, order = _INTEGERS[number]
        if -(1 << size * 8 - 1) <= value < 1 << size * 8:
            return (value % (1 << size * 8)).to_bytes(size, "big" if order == "big" else "little")
    msg = f"{value!r} can't be stored in a value of type {name(number)}."
    raise RegfError(msg)


def decode(number: int, data: bytes) -> str | int | list[str] | bytes:
    """Decode the data of a value of type `number`.

    Real hives have data that does not fit its type. So a string ends at the first NUL or at the end of
    the data, invalid UTF-16 becomes U+FFFD, and numbers of a wrong size and all other types are returned
    as bytes.
    """
    if number in _STRINGS:
        return _text(data).partition("\0")[0]
    if number == REG_MULTI_SZ:
        lines = _text(data).split("\0")
        # One NUL ends the last string, and another one the list. Empty strings inside are kept:
        # PendingFileRenameOperations has them.
        for _ in range(2):
            if lines and not lines[-1]:
                lines.pop()
        return lines
    if number in _INTEGERS:
        size, order = _INTEGERS[number]
        if len(data) == size:
            return int.from_bytes(data, "big" if order == "big" else "little")
    return bytes(data)


def _text(data: bytes) -> str:
    return data[: len(data) & ~1].decode("utf-16-le", "replace")
