r"""Regedit's .reg files, version 5 (UTF-16) and version 4 (ANSI).

Sources: "How to add, modify, or delete registry subkeys and values by using a .reg file"
(documented), and the output of regedit and Wine's reg (seen). regedit ignores lines that it does not
understand; this parser refuses the whole file, to avoid a partial import.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from reseal.regf import types
from reseal.regf.errors import RegfError

HEADER_5 = "Windows Registry Editor Version 5.00"
HEADER_4 = "REGEDIT4"
#: The code page of version 4 files. Windows uses the system code page; this is the Western one.
ANSI = "cp1252"

#: Text types. A version 4 file has their data in the code page, also in hex form.
_TEXT_TYPES = (types.REG_SZ, types.REG_EXPAND_SZ, types.REG_MULTI_SZ)
_ROOTS = {
    "HKLM": "HKEY_LOCAL_MACHINE",
    "HKU": "HKEY_USERS",
    "HKCU": "HKEY_CURRENT_USER",
    "HKCR": "HKEY_CLASSES_ROOT",
    "HKCC": "HKEY_CURRENT_CONFIG",
}
#: regedit wraps hex lines before this column.
_WIDTH = 80

_BLANK = re.compile(r"(?:[ \t\r\n]|;[^\n]*)*")
_LINE_END = re.compile(r"[ \t\r]*(?:;[^\n]*)?(?:\n|\Z)")
_KEY = re.compile(r"\[(-?)([^\n]*)\][ \t\r]*(?:;[^\n\]]*)?(?:\n|\Z)")
# A quoted string may contain line breaks.
_QUOTED = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_EQUALS = re.compile(r"[ \t]*=[ \t]*")
_DWORD = re.compile(r"dword:[ \t]*([0-9a-f]{1,8})(?![0-9a-z])", re.IGNORECASE)
_HEX_START = re.compile(r"hex(?:\(([0-9a-f]{1,8})\))?:", re.IGNORECASE)
_BREAK = r"\\[ \t]*(?:;[^\n]*)?\r?\n"
_HEX_BYTES = re.compile(rf"[0-9a-f, \t]*(?:{_BREAK}[0-9a-f, \t]*)*", re.IGNORECASE)
_HEX_FILLER = re.compile(rf"{_BREAK}|[ \t]")


@dataclass(slots=True)
class ValueLine:
    """One value to set to a type and data; to delete if the type is None."""

    name: str
    type: int | None
    data: bytes = b""


@dataclass(slots=True)
class Section:
    """One key of a .reg file, with its full path and changes."""

    path: str
    delete: bool = False
    values: list[ValueLine] = field(default_factory=list)


def full_root(path: str) -> str:
    """Return a path with its root key expanded, such as `HKLM` to `HKEY_LOCAL_MACHINE`."""
    root, slash, rest = path.partition("\\")
    return _ROOTS.get(root.upper(), root) + slash + rest


# Writing


def write(sections: Iterable[Section], version: int = 5) -> Iterator[bytes]:
    """Yield a .reg file in pieces.

    Raises:
        RegfError: a .reg file can't express a name: it has a line break or, for version 4, a character
            outside the code page.
    """
    if version == 5:
        yield f"\ufeff{HEADER_5}\r\n\r\n".encode("utf-16-le")
    else:
        yield _to_ansi(f"{HEADER_4}\r\n\r\n")
    for section in sections:
        text = _section(section, version)
        yield text.encode("utf-16-le", "surrogatepass") if version == 5 else _to_ansi(text)


def expressible(text: str) -> bool:
    """Return whether a .reg file can express a name: it has no line break and no NUL."""
    return not any(character in text for character in "\r\n\0")


def _section(section: Section, version: int) -> str:
    for text in (section.path, *(value.name for value in section.values)):
        if not expressible(text):
            msg = f"A .reg file can't express {text!r}: it has a line break or NUL."
            raise RegfError(msg)
    lines = [f"[{'-' if section.delete else ''}{section.path}]"]
    lines += [_value(value, version) for value in section.values]
    return "\r\n".join([*lines, "", ""])


def _value(value: ValueLine, version: int) -> str:
    name = f'"{_escape(value.name)}"=' if value.name else "@="
    if value.type is None:
        return name + "-"
    if value.type == types.REG_SZ:
        text = types.decode(types.REG_SZ, value.data)
        assert isinstance(text, str)
        # Write data as text only if it parses back to the same bytes.
        plain = types.encode(types.REG_SZ, text) == value.data
        if plain and expressible(text) and (version == 5 or _in_ansi(text)):
            return f'{name}"{_escape(text)}"'
    if value.type == types.REG_DWORD and len(value.data) == 4:
        return f"{name}dword:{int.from_bytes(value.data, 'little'):08x}"
    data = value.data
    if version == 4 and value.type in _TEXT_TYPES:
        data = _to_ansi(data.decode("utf-16-le", "replace"))
    kind = "hex:" if value.type == types.REG_BINARY else f"hex({value.type:x}):"
    return _wrap(name + kind, data)


def _wrap(start: str, data: bytes) -> str:
    """Return hex bytes, wrapped into lines as regedit does."""
    if not data:
        return start
    lines: list[str] = []
    line = start
    for byte in data[:-1]:
        line += f"{byte:02x},"
        if len(line) > _WIDTH - 5:
            lines.append(line + "\\")
            line = "  "
    lines.append(f"{line}{data[-1]:02x}")
    return "\r\n".join(lines)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


# The code page. Its five unassigned bytes map to control characters, as in Windows.

_FROM_ANSI = {
    byte: ord(bytes([byte]).decode(ANSI))
    for byte in range(0x80, 0xA0)
    if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}
_TO_ANSI = {character: byte for byte, character in _FROM_ANSI.items()}


def _from_ansi(data: bytes) -> str:
    return data.decode("latin-1").translate(_FROM_ANSI)


def _to_ansi(text: str) -> bytes:
    try:
        data = text.translate(_TO_ANSI).encode("latin-1")
    except UnicodeEncodeError:
        data = b""
    if _from_ansi(data) != text:
        msg = f"{text[:60]!r} has characters that a version 4 file can't express."
        raise RegfError(msg, hint="Export it as version 5.")
    return data


def _in_ansi(text: str) -> bool:
    try:
        return bool(_to_ansi(text)) or not text
    except RegfError:
        return False


# Reading


def parse(data: bytes) -> list[Section]:
    """Parse a .reg file.

    Raises:
        RegfError: it is not a .reg file, or a line is wrong; the message has the line number.
    """
    text, version = _text(data)
    return _Parser(text, version).sections()


def _text(data: bytes) -> tuple[str, int]:
    """Return the whole text, and the version from its first line."""
    if data[:2] == b"\xff\xfe":
        text = data[2:].decode("utf-16-le", "replace")
    elif data[:3] == b"\xef\xbb\xbf":
        text = data[3:].decode("utf-8", "replace")
    else:
        text = _from_ansi(data)
    first = text.partition("\n")[0].strip()
    if first not in (HEADER_5, HEADER_4):
        msg = f"This is not a .reg file: it does not begin with {HEADER_5!r} or {HEADER_4!r}."
        raise RegfError(msg)
    return text, 5 if first == HEADER_5 else 4


class _Parser:
    def __init__(self, text: str, version: int) -> None:
        self._text = text
        self._version = version
        self._at = text.find("\n") + 1 or len(text)

    def _wrong(self, what: str) -> RegfError:
        line = self._text.count("\n", 0, self._at) + 1
        msg = f"Line {line} of the .reg file is wrong: {what}."
        return RegfError(msg, hint="Correct the line, or export the file again with Regedit.")

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self._text, self._at)
        if match is not None:
            self._at = match.end()
        return match

    def sections(self) -> list[Section]:
        result: list[Section] = []
        while self._skip_blank():
            if self._text[self._at] == "[":
                match = _KEY.match(self._text, self._at)
                if match is None or not match[2].strip("\\"):
                    raise self._wrong("a key lacks its closing bracket or its name")
                self._at = match.end()
                result.append(Section(full_root(match[2].rstrip("\\")), match[1] == "-"))
            elif self._text[self._at] in '"@':
                if not result or result[-1].delete:
                    raise self._wrong("a value is outside a key")
                result[-1].values.append(self._value())
            else:
                raise self._wrong("it is neither a key nor a value")
        return result

    def _skip_blank(self) -> bool:
        self._take(_BLANK)
        return self._at < len(self._text)

    def _string(self) -> str:
        match = self._take(_QUOTED)
        if match is None:
            raise self._wrong("a quote is not closed")
        return re.sub(r"\\(.)", r"\1", match[1], flags=re.DOTALL)

    def _value(self) -> ValueLine:
        name = ""
        if self._text[self._at] == "@":
            self._at += 1
        else:
            name = self._string()
        if self._take(_EQUALS) is None:
            raise self._wrong("a value has no equals sign")
        number, data = self._data()
        if self._take(_LINE_END) is None:
            raise self._wrong("a value is followed by other text")
        return ValueLine(name, number, data)

    def _data(self) -> tuple[int | None, bytes]:
        text, at = self._text, self._at
        if text.startswith("-", at):
            self._at += 1
            return None, b""
        if text.startswith('"', at):
            return types.REG_SZ, types.encode(types.REG_SZ, self._string())
        match = self._take(_DWORD)
        if match is not None:
            return types.REG_DWORD, int(match[1], 16).to_bytes(4, "little")
        match = self._take(_HEX_START)
        if match is None:
            raise self._wrong("data is not text, dword or hex")
        number = types.REG_BINARY if match[1] is None else int(match[1], 16)
        data = self._hex()
        if self._version == 4 and number in _TEXT_TYPES:
            data = _from_ansi(data).encode("utf-16-le")
        return number, data

    def _hex(self) -> bytes:
        match = self._take(_HEX_BYTES)
        assert match is not None
        digits = _HEX_FILLER.sub("", match[0]).rstrip(",")
        try:
            return bytes(int(byte, 16) for byte in digits.split(",")) if digits else b""
        except ValueError:
            raise self._wrong("hex data is not a list of bytes separated by commas") from None
