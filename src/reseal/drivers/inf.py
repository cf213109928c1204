r"""Setup information (INF) files: named sections of lines, with strings substituted.

| rule | mark, source |
|---|---|
| section names, keys and string tokens ignore case; sections with the same name are one section | documented: Microsoft, General Syntax Rules for INF Files |
| `;` begins a comment, except in quotes; `""` in quotes is one quote; a quote ends with its line | documented |
| a `\` at the end of a line, or before a comment, continues the line; in quotes it does not | documented; the comment: seen in real files |
| `key = value, value`; a line whose first `,` comes before its first `=` has no key | documented; the order: reported (Wine, setupapi) |
| `%name%` is a string of `[Strings]`, or of `[Strings.<LANGID in hexadecimal>]` if Windows runs in that language; `%%` is a percent sign; `%12%` is a directory, and stays; an undefined name stays, too | documented: Microsoft, INF Strings Section |
| a string has at most 4,096 characters | documented: MAX_INF_STRING_LENGTH |
| a file is UTF-16 with a byte order mark, or in the code page of the machine it was made on | documented; code page 1252 is assumed for the latter: inferred; it only affects displayed names |

An INF file may come from anywhere, so everything is bounded: the size of the file, of a line and of a
string, and the total size of all substitutions.
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from reseal.errors import ResealError

#: The largest real files, of graphics drivers, have a few MiB.
MAX_SIZE = 16 << 20
#: Characters of a line including its continuations.
MAX_LINE = 1 << 16
#: Characters of one substituted string (documented), and of all requested strings together.
MAX_STRING = 4096
MAX_SUBSTITUTED = 64 << 20
#: Documented: the longest name of a section.
MAX_SECTION_NAME = 255

_COMMENT = re.compile(r'"(?:[^"]|"")*(?:"|$)|[^";]+|;.*')
_FIELD = re.compile(r'\s*((?:"(?:[^"]|"")*(?:"|$)|[^",])*)')
_KEY = re.compile(r'((?:"(?:[^"]|"")*(?:"|$)|[^",=])*)=')
_QUOTED = re.compile(r'"((?:[^"]|"")*)(?:"|$)')
_TOKEN = re.compile(r"%([^%]*)%")
_STRINGS = "strings"


class InfError(ResealError):
    """A file is not an INF file, or exceeds a limit that no real one reaches."""

    exit_code = 4


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a section.

    Attributes:
        key: the text before the `=`, None if there is none.
        fields: the fields after it, without quotes and with strings substituted.
        raw_key: the key as written, with its `%token%`.
    """

    key: str | None
    fields: tuple[str, ...]
    raw_key: str | None = None

    def field(self, index: int) -> str:
        """Return a field; empty if the line has fewer."""
        return self.fields[index] if index < len(self.fields) else ""


class Inf:
    """A parsed INF file.

    Attributes:
        name: the file's name in error messages.
    """

    def __init__(self, data: bytes, *, name: str = "The INF file", language: int = 0x409) -> None:
        """Parse an INF file.

        Args:
            data: its content.
            name: the file's name in error messages.
            language: the LANGID of the Windows that it is for.

        Raises:
            InfError: it is not an INF file, or is larger than any real one.
        """
        self.name = name
        if len(data) > MAX_SIZE:
            msg = f"{name} has {len(data)} bytes, more than any real INF file."
            raise InfError(msg)
        self._sections: dict[str, list[str]] = {}
        self._spelled: dict[str, str] = {}
        self._parsed: dict[str, tuple[Line, ...]] = {}
        self._substituted = 0
        self._read(_decode(data))
        self._strings = self._strings_for(language)

    def __contains__(self, section: str) -> bool:
        return section.lower() in self._sections

    def spelled(self, section: str) -> str:
        """Return the name of a section as the file spells it."""
        return self._spelled.get(section.lower(), section)

    def sections(self) -> list[str]:
        """Return the names of all sections, as the file spells them."""
        return list(self._spelled.values())

    def lines(self, section: str) -> tuple[Line, ...]:
        """Return the lines of a section; none if it does not exist.

        Raises:
            InfError: its strings grow beyond those of any real file.
        """
        key = section.lower()
        if key not in self._parsed:
            self._parsed[key] = tuple(self._line(one) for one in self._sections.get(key, ()))
        return self._parsed[key]

    def values(self, section: str, key: str) -> Iterator[Line]:
        """Yield the lines of a section that have this key."""
        wanted = key.lower()
        return (one for one in self.lines(section) if (one.key or "").lower() == wanted)

    def value(self, section: str, key: str) -> str | None:
        """Return the first field after a key; None if it is missing or empty."""
        return next((one.field(0) for one in self.values(section, key)), None) or None

    def string(self, token: str) -> str | None:
        """Return the string of a token, given without its percent signs."""
        return self._strings.get(token.strip().lower())

    # Reading

    def _read(self, text: str) -> None:
        section: list[str] | None = None
        pending = ""
        for number, physical in enumerate(re.split(r"\r\n|\r|\n", text), 1):
            line, continues = _without_comment(physical)
            line = pending + line
            if len(line) > MAX_LINE:
                msg = f"{self.name} has a line of more than {MAX_LINE} characters at {number}."
                raise InfError(msg)
            pending = line if continues else ""
            if continues or not line:
                continue
            if line.startswith("["):
                name = line[1:].partition("]")[0].strip().strip('"')
                if "]" not in line or len(name) > MAX_SECTION_NAME:
                    msg = f"{self.name} has a section without a proper name in line {number}."
                    raise InfError(msg)
                self._spelled.setdefault(name.lower(), name)
                section = self._sections.setdefault(name.lower(), [])
            elif section is not None:
                section.append(line)
        if pending and section is not None:
            section.append(pending)
        if "version" not in self._sections:
            msg = f"{self.name} has no section [Version], so it is not an INF file."
            raise InfError(msg)

    def _strings_for(self, language: int) -> dict[str, str]:
        """Return all strings; those of the language, or of its primary language, take precedence."""
        found: dict[str, str] = {}
        primary = language & 0x3FF
        named = [f"{_STRINGS}.{language:04x}", f"{_STRINGS}.{primary:04x}"]
        relatives = [
            name
            for name in self._sections
            if re.fullmatch(r"strings\.[0-9a-f]{1,4}", name)
            and int(name.partition(".")[2], 16) & 0x3FF == primary
        ]
        for section in dict.fromkeys([*named, *sorted(relatives), _STRINGS]):
            for line in self._sections.get(section, ()):
                key, rest = _split_key(line)
                if key is not None:
                    value = _fields(rest)[0]
                    found.setdefault(_unquoted(key).lower(), value[:MAX_STRING])
        return found

    def _line(self, text: str) -> Line:
        raw, rest = _split_key(text)
        fields = tuple(self._substitute(one) for one in _fields(rest))
        if raw is None:
            return Line(None, fields)
        unquoted = _unquoted(raw)
        return Line(self._substitute(unquoted), fields, unquoted)

    def _substitute(self, text: str) -> str:
        if "%" in text:
            text = _TOKEN.sub(self._string_of, text)
        self._substituted += len(text)
        if len(text) > MAX_LINE or self._substituted > MAX_SUBSTITUTED:
            msg = f"The strings of {self.name} grow beyond those of any real INF file."
            raise InfError(msg)
        return text

    def _string_of(self, match: re.Match[str]) -> str:
        token = match[1]
        if not token:
            return "%"
        return self._strings.get(token.strip().lower(), match[0])


def _decode(data: bytes) -> str:
    for mark, encoding in (
        (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\xef\xbb\xbf", "utf-8"),
    ):  # fmt: skip
        if data.startswith(mark):
            text = data[len(mark) :].decode(encoding, "replace")
            break
    else:
        # UTF-16 without a mark: every other byte of the first characters is 0.
        unmarked = data[1:64:2].count(0) > len(data[1:64:2]) // 2
        text = data.decode("utf-16-le" if unmarked else "cp1252", "replace")
    # Text ends at the old end-of-file character; NUL characters are dropped.
    return text.partition("\x1a")[0].replace("\0", "")


def _without_comment(line: str) -> tuple[str, bool]:
    """Return a line without comment and outer whitespace, and whether the next continues it."""
    quoted = False
    if ";" in line or '"' in line:
        parts = _COMMENT.findall(line)
        if parts and parts[-1].startswith(";"):
            parts.pop()
        quoted = bool(parts) and parts[-1].startswith('"')
        line = "".join(parts)
    line = line.strip()
    if line.endswith("\\") and not quoted:
        return line[:-1], True
    return line, False


def _split_key(line: str) -> tuple[str | None, str]:
    match = _KEY.match(line)
    return (match[1], line[match.end() :]) if match else (None, line)


def _fields(text: str) -> list[str]:
    if '"' not in text:
        return [one.strip() for one in text.split(",")]
    fields = []
    place = 0
    while True:
        match = _FIELD.match(text, place)
        assert match
        fields.append(_unquoted(match[1]))
        place = match.end() + 1
        if match.end() >= len(text):
            return fields


def _unquoted(text: str) -> str:
    text = text.strip()
    if '"' not in text:
        return text
    return _QUOTED.sub(lambda match: match[1].replace('""', '"'), text)
