"""The markup of an answer file: its elements with their places in the text, and edits of it.

Python's expat reads the text; nothing is written from a tree. An edit replaces a range of the text,
so everything that an edit does not touch (comments, order, quotes, line ends, encoding) stays as it
was, to the byte.

Answer files may come from untrusted sources. Document type declarations are
refused, and with them every entity that a file could define; depth, number of elements and size
are bounded; nothing outside the text is ever opened.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterable, Iterator, MutableMapping
from dataclasses import dataclass, field
from xml.parsers import expat

from reseal.answerfile.source import AnswerFileError, Source
from reseal.answerfile.wellformed import fault

#: Bounds; the most that 55 real files have is 253 elements and a depth of 8. Comments count too.
MAX_NODES = 50_000
MAX_DEPTH = 64
#: Names of elements and namespaces; the longest real one has 54 characters.
MAX_NAME = 256

#: White space in XML; Python knows more of it.
XML_SPACE = " \t\r\n"

#: What can't stand in text as it is, and what can't stand between double quotes.
_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_IN_QUOTES = _IN_TEXT | str.maketrans({'"': "&quot;", "\n": "&#10;", "\t": "&#9;"})

_ATTRIBUTE = re.compile(r"""[ \t\r\n]+([^ \t\r\n=/>]+)[ \t\r\n]*=[ \t\r\n]*("[^"]*"|'[^']*')""")
_START_TAG = re.compile(
    rf"<(?P<name>[^ \t\r\n/>]+)(?:{_ATTRIBUTE.pattern})*[ \t\r\n]*(?P<close>/?>)"
)


def escaped(text: str) -> str:
    """Return a text as it can stand between tags."""
    return text.translate(_IN_TEXT)


def quoted(text: str) -> str:
    """Return a text as the value of an attribute, with its quotes."""
    return f'"{text.translate(_IN_QUOTES)}"'


@dataclass(slots=True, eq=False)
class Node:
    """Something that stands between tags: an element, a comment or a processing instruction.

    Attributes:
        start: offset of its first character in the text.
        end: offset behind its last character.
    """

    start: int
    end: int


@dataclass(slots=True, eq=False)
class Element(Node):
    """An element.

    Attributes:
        namespace: its namespace, or empty.
        name: its name without prefix.
        raw_name: its name as it is written, prefix and all.
        attributes: values by name; those with a namespace are `{namespace}name`.
        content: offset behind the start tag.
        content_end: offset of the end tag; `content` where the element is `<name/>`.
        text: the character data directly inside.
        nodes: what stands inside, in order.
        prefixes: the namespaces in scope: prefix (empty: the default) by namespace.
        parent: the element around it, or None.
    """

    namespace: str
    name: str
    raw_name: str
    content: int
    attributes: dict[str, str] = field(repr=False)
    prefixes: MutableMapping[str, str] = field(repr=False)
    parent: Element | None = field(repr=False)
    content_end: int = 0
    text: str = field(default="", repr=False)  # may be a password
    nodes: list[Node] = field(default_factory=list, repr=False)

    @property
    def children(self) -> Iterator[Element]:
        """The elements inside."""
        return (node for node in self.nodes if isinstance(node, Element))

    @property
    def declared(self) -> MutableMapping[str, str]:
        """The namespaces that its own start tag declares: prefix by namespace."""
        if self.parent is not None and self.prefixes is self.parent.prefixes:
            return {}
        return self.prefixes.maps[0] if isinstance(self.prefixes, ChainMap) else self.prefixes

    def walk(self) -> Iterator[Element]:
        """Yield this element and all below it in document order."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the text from `start` to `end` (offsets) by `text`."""

    start: int
    end: int
    text: str = field(repr=False)


class Markup:
    """The element tree of one text.

    Attributes:
        source: the text.
        root: the root element.
        prologue: comments and processing instructions outside of the root.
    """

    def __init__(self, source: Source) -> None:
        """Read the text.

        Raises:
            AnswerFileError: it is not well-formed XML, has a document type, or exceeds a bound.
        """
        self.source = source
        reader = _Reader(source)
        self.root = reader.read()
        self.prologue = reader.prologue

    def attribute_offset(self, element: Element, raw_name: str) -> int:
        """Return where an attribute's value starts; the element's start where it has none such."""
        found = self._attribute(element, raw_name)
        return found.start(2) + 1 if found else element.start

    def value_offset(self, element: Element) -> int:
        """Return where an element's content starts, white space left out, or the element."""
        if not element.text.strip(XML_SPACE) and not element.nodes:
            return element.start
        text = self.source.text
        offset = element.content
        while text[offset] in XML_SPACE:
            offset += 1
        return offset

    def set_text(self, element: Element, value: str) -> Edit:
        """Return the edit that gives an element a new text in place of all that is in it."""
        if element.content == element.end:  # <name/>
            slash = self.source.text.rindex("/", element.start, element.end)
            return Edit(slash, element.end, f">{self._escaped(value)}</{element.raw_name}>")
        return Edit(element.content, element.content_end, self._escaped(value))

    def insert_after(self, element: Element, name: str, value: str) -> Edit:
        """Return the edit that puts a leaf behind an element, on a line of its own like it.

        Args:
            element: the element before the new one; its prefix is used too.
            name: name of the leaf, without a prefix.
            value: text of the leaf, not escaped.
        """
        before = self.source.text[: element.start]
        space = before[len(before.rstrip(XML_SPACE)) :]
        raw_name = element.raw_name.removesuffix(element.name) + name
        leaf = f"{space}<{raw_name}>{self._escaped(value)}</{raw_name}>"
        return Edit(element.end, element.end, leaf)

    def set_attribute(self, element: Element, raw_name: str, value: str) -> Edit:
        """Return the edit that gives an element's attribute a value.

        Args:
            element: the element.
            raw_name: name of the attribute, with its prefix; added if missing.
            value: the new value, not escaped.
        """
        found = self._attribute(element, raw_name)
        if found:
            return Edit(found.start(2), found.end(2), quoted(value))
        tag = _START_TAG.match(self.source.text, element.start)
        assert tag is not None
        offset = len(self.source.text[: tag.start("close")].rstrip(XML_SPACE))
        return Edit(offset, offset, f" {raw_name}={quoted(value)}")

    def remove_attribute(self, element: Element, raw_name: str) -> Edit:
        """Return the edit that takes away an attribute, which the element must have."""
        found = self._attribute(element, raw_name)
        assert found is not None
        return Edit(found.start(), found.end(), "")

    def append(self, element: Element, texts: Iterable[str]) -> Edit:
        """Return the edit that puts elements, given as text, behind all that an element holds."""
        newline = self.source.newline
        inside = "".join(newline + text for text in texts)
        if element.content == element.end:  # <name/>
            slash = self.source.text.rindex("/", element.start, element.end)
            return Edit(slash, element.end, f">{inside}{newline}</{element.raw_name}>")
        end = element.nodes[-1].end if element.nodes else element.content
        return Edit(end, end, inside)

    def edited(self, edits: Iterable[Edit]) -> Source:
        """Return the text after the edits, which must not overlap."""
        return self.source.with_text(self._apply(edits, 0, len(self.source.text)))

    def cut(self, element: Element, edits: Iterable[Edit]) -> str:
        """Return the text of one element after edits inside of it."""
        return self._apply(edits, element.start, element.end)

    def _apply(self, edits: Iterable[Edit], start: int, end: int) -> str:
        parts: list[str] = []
        for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
            assert edit.start >= start, "edits overlap"
            parts += [self.source.text[start : edit.start], edit.text]
            start = edit.end
        return "".join([*parts, self.source.text[start:end]])

    def _escaped(self, value: str) -> str:
        """Return a text as it can stand between tags in the file's encoding."""
        text = escaped(value)
        return text.encode(self.source.codec, "xmlcharrefreplace").decode(self.source.codec)

    def _attribute(self, element: Element, raw_name: str) -> re.Match[str] | None:
        offset = element.start + 1 + len(element.raw_name)
        while found := _ATTRIBUTE.match(self.source.text, offset):
            if found.group(1) == raw_name:
                return found
            offset = found.end()
        return None


class _Reader:
    """One run of expat over a text."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.prologue: list[Node] = []
        self._data = source.text.encode()
        self._ascii = len(self._data) == len(source.text)
        self._at = (0, 0)
        self._open: list[Element] = []
        self._root: Element | None = None
        self._count = 0
        self._declared: dict[str, str] = {}
        # With a separator expat resolves namespaces: names come as "namespace name".
        self._parser = parser = expat.ParserCreate("utf-8", " ")
        parser.buffer_text = True
        parser.buffer_size = 1 << 20
        parser.StartNamespaceDeclHandler = self._declare
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.CommentHandler = lambda _text: self._other("-->", 4)
        parser.ProcessingInstructionHandler = lambda _target, _data: self._other("?>", 2)
        parser.StartDoctypeDeclHandler = self._doctype

    def read(self) -> Element:
        try:
            self._parser.Parse(self._data, True)
        except expat.ExpatError as error:
            index = max(self._parser.ErrorByteIndex, 0)
            raise self._explained(index, error.code) from None
        assert self._root is not None
        return self._root

    def _explained(self, index: int, code: int) -> AnswerFileError:
        is_after_root = self._root is not None and not self._open
        offset, problem, hint = fault(
            self.source.text, self._character(index), code, is_after_root=is_after_root
        )
        if self._open:
            line = self.source.position(self._open[-1].start).line
            if offset >= len(self.source.text):
                problem = f"the file ends, and the element that starts on line {line} is still open"
                hint = "Close it, or fetch the file again if it was cut off."
            elif expat.errors.messages.get(code) == expat.errors.XML_ERROR_TAG_MISMATCH:
                name = self._open[-1].raw_name
                ending = re.split(
                    r"[\s>]", self.source.text[offset : offset + MAX_NAME], maxsplit=1
                )[0]
                hint = (
                    f"Its name differs in case from the start tag on line {line}; write them alike."
                    if ending != name and ending.casefold() == name.casefold()
                    else f"Close the element of line {line} first; an end tag has the name of its start."
                )
        return AnswerFileError(self.source.name, self.source.position(offset), problem, hint)

    def _declare(self, prefix: str | None, namespace: str | None) -> None:
        if len(namespace or "") > MAX_NAME:
            raise self._limit(f"a namespace has more than {MAX_NAME} characters")
        self._declared[namespace or ""] = prefix or ""

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise self._limit(f"elements are nested more than {MAX_DEPTH} deep")
        self._count_node()
        parent = self._open[-1] if self._open else None
        scope: MutableMapping[str, str] = parent.prefixes if parent else {}
        if self._declared:
            scope, self._declared = ChainMap(self._declared, scope), {}
        start = self._offset()
        match = _START_TAG.match(self.source.text, start)
        if match is None:
            raise self._error(
                self._parser.CurrentByteIndex, "the tag that starts here can't be read"
            )
        namespace, _, name = tag.rpartition(" ")
        if len(name) > MAX_NAME:
            raise self._limit(f"a name has more than {MAX_NAME} characters")
        element = Element(
            start=start,
            end=match.end(),
            namespace=namespace,
            name=name,
            raw_name=match.group("name"),
            content=match.end(),
            content_end=match.end(),
            attributes={_braced(key): value for key, value in attributes.items()},
            prefixes=scope,
            parent=parent,
        )
        if parent:
            parent.nodes.append(element)
        else:
            self._root = element
        self._open.append(element)

    def _end(self, _tag: str) -> None:
        element = self._open.pop()
        offset = self._offset()
        if self.source.text[element.content - 2] != "/":  # else it is <name/>, and ended there
            element.content_end = offset
            element.end = self.source.text.index(">", offset) + 1

    def _characters(self, text: str) -> None:
        self._open[-1].text += text

    def _count_node(self) -> None:
        self._count += 1
        if self._count > MAX_NODES:
            raise self._limit(f"the file has more than {MAX_NODES:,} elements and comments")

    def _other(self, terminator: str, skip: int) -> None:
        self._count_node()
        start = self._offset()
        end = self.source.text.index(terminator, start + skip) + len(terminator)
        (self._open[-1].nodes if self._open else self.prologue).append(Node(start, end))

    def _doctype(self, *_arguments: object) -> None:
        # expat tells of it when it has read the name.
        index = self._data.rfind(b"<!DOCTYPE", 0, self._parser.CurrentByteIndex + 1)
        raise self._error(
            index,
            "an answer file has no document type declaration, and this one is not read",
            "Delete <!DOCTYPE …> and what it defines.",
        )

    def _offset(self) -> int:
        """Return the parser's place as an offset into the text; places only ever grow."""
        index = self._parser.CurrentByteIndex
        if self._ascii:
            return index
        byte, character = self._at
        character += len(self._data[byte:index].decode())
        self._at = (index, character)
        return character

    def _limit(self, problem: str) -> AnswerFileError:
        return self._error(
            self._parser.CurrentByteIndex, f"{problem}, which no real answer file has"
        )

    def _error(self, index: int, problem: str, hint: str | None = None) -> AnswerFileError:
        place = self.source.position(self._character(index))
        return AnswerFileError(self.source.name, place, problem, hint)

    def _character(self, index: int) -> int:
        """Return the offset into the text of an index into the bytes."""
        return len(self._data[:index].decode("utf-8", "ignore"))


def _braced(name: str) -> str:
    namespace, _, local = name.rpartition(" ")
    return f"{{{namespace}}}{local}" if namespace else local
