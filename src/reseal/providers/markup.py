"""The byte ranges of an XML file's elements, so that parts of the file can be replaced.

The file is never written from a tree: bytes outside the replaced ranges stay as they are. Document type
declarations are refused, and with them every entity that a file could define.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from dataclasses import dataclass
from xml.parsers import expat

_MAX_DEPTH = 128
_MAX_ELEMENTS = 1_000_000


class MarkupError(ValueError):
    """A text is not XML, or is larger or deeper than any real file."""


@dataclass(slots=True)
class Element:
    """An element and its place, in bytes.

    Attributes:
        path: local names from the root down to this element.
        start: where its start tag begins.
        inner: where its content begins.
        inner_end: where its end tag begins; equal to `inner` for `<name/>`.
        end: where the following node begins; for the root, the end of the file.
        leaf: whether it has no child elements.
    """

    path: tuple[str, ...]
    start: int
    inner: int = 0
    inner_end: int = 0
    end: int = 0
    leaf: bool = True


def elements(data: bytes) -> list[Element]:
    """Return the elements of an XML file in document order.

    Raises:
        MarkupError: it is not well-formed, declares a document type, or exceeds a bound.
    """
    reader = _Reader()
    try:
        reader.parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        # ValueError and LookupError: an encoding that Python does not know.
        raise MarkupError(str(error)) from None
    reader.found[0].end = len(data)
    return reader.found


def replaced(data: bytes, edits: Iterable[tuple[int, int, str]]) -> bytes:
    """Return the text with ranges (start, end) replaced; a range inside another is dropped."""
    encoding = "ascii"
    if data.startswith(codecs.BOM_UTF16_LE):
        encoding = "utf-16-le"
    elif data.startswith(codecs.BOM_UTF16_BE):
        encoding = "utf-16-be"
    parts: list[bytes] = []
    done = 0
    for start, end, text in sorted(edits, key=lambda edit: (edit[0], -edit[1])):
        if start >= done:
            parts += [data[done:start], text.encode(encoding)]
            done = end
    return b"".join([*parts, data[done:]])


class _Reader:
    """One run of expat. An element's content and its end begin at the next event."""

    def __init__(self) -> None:
        self.found: list[Element] = []
        self._open: list[Element] = []
        self._started: Element | None = None
        self._ended: Element | None = None
        self.parser = parser = expat.ParserCreate(namespace_separator=" ")
        # With buffered text, expat would not report where the text begins.
        parser.buffer_text = False
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._doctype
        parser.CharacterDataHandler = self._other
        parser.CommentHandler = self._other
        parser.ProcessingInstructionHandler = self._other
        parser.StartCdataSectionHandler = self._other
        parser.EndCdataSectionHandler = self._other

    def _place(self) -> int:
        here = self.parser.CurrentByteIndex
        if self._started:
            self._started.inner = here
            self._started = None
        if self._ended:
            self._ended.end = here
            self._ended = None
        return here

    def _start(self, tag: str, _attributes: dict[str, str]) -> None:
        here = self._place()
        if len(self._open) >= _MAX_DEPTH or len(self.found) >= _MAX_ELEMENTS:
            msg = "it is larger or deeper than any real file"
            raise MarkupError(msg)
        above: tuple[str, ...] = ()
        if self._open:
            above = self._open[-1].path
            self._open[-1].leaf = False
        element = Element((*above, tag.rpartition(" ")[2]), here)
        self.found.append(element)
        self._open.append(element)
        self._started = element

    def _end(self, _tag: str) -> None:
        element = self._open.pop()
        # For <name/> expat reports the place of the start tag again, so the content is empty.
        element.inner_end = self._place()
        self._ended = element

    def _other(self, *_arguments: object) -> None:
        self._place()

    def _doctype(self, *_arguments: object) -> None:
        msg = "it declares a document type"
        raise MarkupError(msg)
