"""Lay an answer file out: one setting a line, indented by depth.

Only white space between tags changes. Texts, comments, attributes, order, encoding and line ends
stay; one blank line between two settings stays too, and a comment after a setting stays on its line.
"""

from __future__ import annotations

from collections.abc import Iterator

from reseal.answerfile.document import UNATTEND, AnswerFile
from reseal.answerfile.markup import XML_SPACE, Edit, Element

#: As Windows System Image Manager indents (seen: most real files).
INDENT = "    "


def formatted(document: AnswerFile) -> AnswerFile:
    """Return the document laid out; doing so twice changes nothing more."""
    source = document.markup.source
    edits = list(_lay_out(document, document.root, 0))
    if not source.text[document.root.end :].strip(XML_SPACE):
        edits.append(Edit(document.root.end, len(source.text), source.newline))
    return document.edited(edits)


def _lay_out(document: AnswerFile, element: Element, depth: int) -> Iterator[Edit]:
    source = document.markup.source
    starts = [element.content, *(node.end for node in element.nodes)]
    ends = [*(node.start for node in element.nodes), element.content_end]
    gaps = [source.text[start:end] for start, end in zip(starts, ends, strict=True)]
    if (
        element.namespace != UNATTEND
        or not any(element.children)
        or any(gap.strip(XML_SPACE) for gap in gaps)
    ):
        # Text of a setting, or of a foreign element: white space may be significant.
        return
    indent = source.newline + INDENT * (depth + 1)
    for number, (node, gap) in enumerate(zip(element.nodes, gaps, strict=False)):
        lines = gap.replace("\r\n", "\n").replace("\r", "\n").count("\n")
        beside = number > 0 and not lines and not isinstance(node, Element)
        blank = source.newline if number > 0 and lines > 1 else ""
        yield Edit(starts[number], node.start, " " if beside else blank + indent)
        if isinstance(node, Element):
            yield from _lay_out(document, node, depth + 1)
    yield Edit(starts[-1], element.content_end, source.newline + INDENT * depth)
