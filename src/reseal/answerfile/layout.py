"""Lay an answer file out: one setting a line, indented by depth.

Only white space between tags changes. Texts, comments, attributes, order, encoding and line ends
stay; one blank line between two settings stays too, and a comment behind a setting stays beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.answerfile.document import UNATTEND
from reseal.answerfile.markup import Edit, Element

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.answerfile.document import AnswerFile
    from reseal.answerfile.markup import Node

#: As Windows System Image Manager indents (seen: most real files).
INDENT = "    "


def formatted(document: AnswerFile) -> AnswerFile:
    """Return the document laid out; doing so twice changes nothing more."""
    source = document.markup.source
    edits = list(_lay_out(document, document.root, 0))
    if not source.text[document.root.end :].strip():
        edits.append(Edit(document.root.end, len(source.text), source.newline))
    return document.edited(edits)


def _lay_out(document: AnswerFile, element: Element, depth: int) -> Iterator[Edit]:
    if element.namespace != UNATTEND or element.text.strip() or not any(element.children):
        # Text of a setting, or of somebody else's element: white space may mean something.
        return
    newline = document.markup.source.newline
    text = document.markup.source.text
    before = element.content
    for node in element.nodes:
        gap = text[before : node.start]
        lines = _line_ends(gap)
        if _is_comment(node) and before != element.content and not lines:
            space = " "
        else:
            blank = newline if lines > 1 and before != element.content else ""
            space = blank + newline + INDENT * (depth + 1)
        yield Edit(before, node.start, space)
        if isinstance(node, Element):
            yield from _lay_out(document, node, depth + 1)
        before = node.end
    yield Edit(before, element.content_end, newline + INDENT * depth)


def _is_comment(node: Node) -> bool:
    return not isinstance(node, Element)


def _line_ends(gap: str) -> int:
    return gap.replace("\r\n", "\n").replace("\r", "\n").count("\n")
