"""CSV as cells with their places (RFC 4180); Python's reader does not report columns of the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reseal.answerfile import Position

#: Possible separators of cells; the first row shows which one the file uses.
_SEPARATORS = ",;\t"


def cells(
    text: str, error: Callable[[Position, str], Exception]
) -> Iterator[list[tuple[str, Position]]]:
    """Yield rows of (text, place). Empty rows are skipped.

    Args:
        text: the file.
        error: makes the exception for a place and a problem.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    first = text.partition("\n")[0]
    separator = max(_SEPARATORS, key=first.count)
    at, line, start = 0, 1, 0
    row: list[tuple[str, Position]] = []
    while at <= len(text):
        place = Position(line, at - start + 1)
        if text[at : at + 1] == '"':
            value, end = _quoted(text, at, place, error)
            inside = text[at:end]
            if "\n" in inside:
                line += inside.count("\n")
                start = at + inside.rfind("\n") + 1
            at = end
        else:
            end = at
            while end < len(text) and text[end] not in (separator, "\n"):
                end += 1
            value, at = text[at:end], end
        row.append((value, place))
        behind = text[at : at + 1]
        if behind and behind not in (separator, "\n"):
            raise error(Position(line, at - start + 1), "text follows the closing quotation mark")
        if behind != separator:
            if any(value.strip() for value, _ in row):
                yield row
            row = []
            line, start = line + 1, at + 1
        at += 1


def _quoted(
    text: str, start: int, place: Position, error: Callable[[Position, str], Exception]
) -> tuple[str, int]:
    """Return the text of a quoted cell, and where it ends."""
    parts, at = [], start + 1
    while True:
        end = text.find('"', at)
        if end < 0:
            raise error(place, "the quotation mark here is never closed")
        parts.append(text[at:end])
        if text[end + 1 : end + 2] != '"':
            return '"'.join(parts), end + 1
        at = end + 2
