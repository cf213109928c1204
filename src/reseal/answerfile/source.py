"""The bytes of an answer file as text, and back: encodings, bounds, positions, errors."""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from reseal.errors import ImageError
from reseal.hostfile import open_regular

#: The largest of 55 real files has 236 KB.
MAX_BYTES = 2 << 20

#: Encodings that Windows' XML readers and Python know alike; anything else is refused.
ENCODINGS = {
    "utf-8": "utf-8",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "utf-16": "utf-16-le",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "unicode": "utf-16-le",
    "iso-8859-1": "iso-8859-1",
    "windows-1250": "cp1250",
    "windows-1251": "cp1251",
    "windows-1252": "cp1252",
}

#: How a file in UTF-32 starts, with its byte order mark or with <. Windows' XML readers are documented
#: for UTF-8 and UTF-16 (XmlLite).
UTF_32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, b"<\0\0\0", b"\0\0\0<")

#: Byte order marks and what they announce.
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}

_AS_UTF8 = 'Save the file as UTF-8 and write encoding="utf-8".'
_DECLARATION = re.compile(r"<\?xml\s[^<>]*?\?>")
_DECLARED_ENCODING = re.compile(r"""\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a text. Lines and columns (in characters, not bytes) count from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


class AnswerFileError(ImageError, ValueError):
    """An answer file can't be read, or can't be changed as asked.

    The message never quotes the file's content, which may hold passwords.

    Attributes:
        file: the name of the file, as the caller gave it.
        position: where reading stopped, or None where the whole file is the problem.
        problem: the message without the place.
    """

    def __init__(
        self, file: str, position: Position | None, problem: str, hint: str | None = None
    ) -> None:
        place = f"{file}:{position}" if position else file
        super().__init__(f"{place}: {problem}", hint)
        self.file = file
        self.position = position
        self.problem = problem


class Source:
    r"""The text of an answer file, and how it was stored.

    Attributes:
        name: what messages call the file.
        text: the text without byte order mark.
        codec: Python's name of the encoding.
        mark: the byte order mark, or empty.
        newline: `\r\n` or `\n`, whichever the file uses more.
    """

    def __init__(self, text: str, name: str, codec: str = "utf-8", mark: bytes = b"") -> None:
        self.name = name
        self.text = text
        self.codec = codec
        self.mark = mark
        crlf = text.count("\r\n")
        self.newline = "\r\n" if crlf > text.count("\n") - crlf else "\n"
        self._line_starts = _line_starts(text)

    @classmethod
    def from_bytes(cls, data: bytes, name: str) -> Source:
        """Decode the bytes of a file.

        Raises:
            AnswerFileError: the file is too large, or is not text in a known encoding.
        """
        if len(data) > MAX_BYTES:
            problem = f"the file is larger than {MAX_BYTES >> 20} MiB, too large for an answer file"
            raise AnswerFileError(name, None, problem, "Check that this is the file you meant.")
        codec, mark = _encoding(data, name)
        body = data[len(mark) :]
        try:
            source = cls(body.decode(codec), name, codec, mark)
        except UnicodeDecodeError as error:
            before = _LINE_END.split(body[: error.start].decode(codec, "replace"))
            place = Position(len(before), len(before[-1]) + 1)
            problem = f"the bytes here are not {codec}"
            raise AnswerFileError(name, place, problem, "Save the file as UTF-8.") from None
        if source.text.startswith("\ufeff"):
            # expat skips one, and Windows' readers find text before the root element.
            problem = "the file starts with two byte order marks"
            raise AnswerFileError(name, Position(1, 1), problem, "Save the file as UTF-8 again.")
        if (nul := source.text.find("\0")) >= 0:
            # expat would take the text for UTF-16 where it starts with one.
            problem = "there is a NUL character here, which XML forbids"
            raise AnswerFileError(name, source.position(nul), problem, "Fetch the file again.")
        return source

    def position(self, offset: int) -> Position:
        """Return the position of an offset into the text."""
        line = bisect_right(self._line_starts, offset)
        return Position(line, offset - self._line_starts[line - 1] + 1)

    def with_text(self, text: str) -> Source:
        """Return another text that is stored the same way."""
        return Source(text, self.name, self.codec, self.mark)

    def to_bytes(self) -> bytes:
        """Return the bytes of the file.

        Raises:
            AnswerFileError: its encoding lacks a character, after a merge with another file.
        """
        try:
            return self.mark + self.text.encode(self.codec)
        except UnicodeEncodeError as error:
            place = self.position(error.start)
            problem = f"the character here can't be written in {self.codec}"
            raise AnswerFileError(self.name, place, problem, "Save the file as UTF-8.") from None


def printable(text: str, limit: int = 2000) -> str:
    """Return a text without what would disturb a terminal, and not endlessly long."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:limit])


def read_bounded(path: Path) -> bytes:
    """Read a file that should be an answer file, at most one byte more than the bound.

    Raises:
        AnswerFileError: the file can't be read.
    """
    try:
        with open_regular(path) as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        problem = f"the file can't be read: {error.strerror}"
        raise AnswerFileError(str(path), None, problem) from error


def _line_starts(text: str) -> list[int]:
    """Return the offset of each line; XML ends lines by line feeds, carriage returns, or both."""
    if text.count("\r") != text.count("\r\n"):
        return [0, *(match.end() for match in _LINE_END.finditer(text))]
    return list(accumulate((len(line) + 1 for line in text.split("\n")[:-1]), initial=0))


def _encoding(data: bytes, name: str) -> tuple[str, bytes]:
    """Return the codec and the byte order mark.

    Where the bytes and the XML declaration contradict each other, XML demands an error, and
    Windows' readers raise one; PowerShell's `>` makes such files (UTF-16 that declares UTF-8).
    """
    if data.startswith(UTF_32):
        problem = "the file is stored as UTF-32, which answer files can't use"
        raise AnswerFileError(name, Position(1, 1), problem, _AS_UTF8)
    mark = next((mark for mark in BYTE_ORDER_MARKS if data.startswith(mark)), b"")
    stored = BYTE_ORDER_MARKS.get(mark, "")
    if not stored and data[:2] in {b"<\0", b"\0<"}:
        stored = "utf-16-le" if data[0] else "utf-16-be"
    head = data[len(mark) : len(mark) + 400].decode(stored or "iso-8859-1", "replace")
    declaration = _DECLARATION.match(head)
    match = _DECLARED_ENCODING.search(declaration.group()) if declaration else None
    if match is None:
        if stored.startswith("utf-16") and not mark:
            problem = "the file is stored as UTF-16 without a byte order mark or XML declaration"
            raise AnswerFileError(name, Position(1, 1), problem, _AS_UTF8)
        return stored or "utf-8", mark
    declared = ENCODINGS.get(match.group(1).lower(), "")
    if problem := _contradiction(match.group(1), declared, stored):
        raise AnswerFileError(name, Position(1, match.start(1) + 1), problem, _AS_UTF8)
    return stored or declared, mark


def _contradiction(written: str, declared: str, stored: str) -> str:
    """Return how the XML declaration contradicts the bytes; empty if it does not.

    Args:
        written: the encoding in the declaration.
        declared: Python's name of it; empty if it is unknown.
        stored: the encoding that the bytes show; empty if they show none.
    """
    if not declared:
        return "the encoding that the XML declaration names is not known here"
    wide = stored.startswith("utf-16")
    if wide != declared.startswith("utf-16"):
        how = "stored" if wide else "not stored"
        return f"the XML declaration says {written}, but the file is {how} as UTF-16"
    if stored == "utf-8" and declared not in {"utf-8", "ascii"}:
        return f"the XML declaration says {written}, but the file starts with UTF-8's mark"
    return ""
