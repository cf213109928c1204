"""How text looks on a terminal: wrapped at words, with coloured levels, and without control characters."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Iterator
from typing import IO, Any

import click

#: Where a terminal does not tell its width.
_USUAL = 80
#: Narrower terminals get lines of this width, which they break themselves.
_NARROWEST = 20
_LEVELS: dict[str, dict[str, Any]] = {
    "Error:": {"fg": "red", "bold": True},
    "Failed:": {"fg": "red", "bold": True},
    "Not clean:": {"fg": "red", "bold": True},
    "Warning:": {"fg": "yellow", "bold": True},
    "What to do:": {"fg": "cyan"},
    "Note:": {"bold": True},
    "Clean:": {"fg": "green", "bold": True},
    "As after Sysprep:": {"fg": "green", "bold": True},
}


def show(text: str, *, err: bool = False) -> None:
    """Print a line on standard output or standard error.

    Names from an image may hold anything, so control characters are made visible.
    """
    stream = sys.stderr if err else sys.stdout
    color = coloured(stream)
    columns = width(stream)
    for part in wrapped(safe(text), columns):
        click.echo(painted(part) if color else part, err=err, color=color)


def safe(text: str) -> str:
    """Return text that a terminal can show: no control characters, no overridden directions.

    Every text that may come from an image goes through here on its way to a terminal.
    """
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return shown.encode("utf-8", "replace").decode("utf-8")


def coloured(stream: IO[Any]) -> bool:
    """Whether text on a stream has colours: NO_COLOR forbids them, FORCE_COLOR demands them."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def width(stream: IO[Any]) -> int | None:
    """Return the number of columns of a terminal; None for anything else, where lines stay whole."""
    if not stream.isatty():
        return None
    given = os.environ.get("COLUMNS", "")
    try:
        columns = int(given) if given.isdecimal() else os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    return max(columns, _NARROWEST) if columns else _USUAL


def painted(line: str) -> str:
    """Return a line with its level in colour."""
    text = line.lstrip(" ")
    for level, style in _LEVELS.items():
        if text.startswith(level):
            blank = line[: len(line) - len(text)]
            return blank + click.style(level, **style) + text[len(level) :]
    return line


def wrapped(line: str, columns: int | None) -> Iterator[str]:
    """Yield the parts of a line that fit a width. A longer word stays whole, so that it can be copied."""
    if columns is None or _cells(line) <= columns:
        yield line
        return
    indent = " " * _hanging(line, columns)
    text = line.lstrip(" ")
    current = line[: len(line) - len(text)]
    blank = True
    for word, gap in re.findall(r"(\S+)(\s*)", text):
        if not blank and _cells(current + word) > columns:
            yield current.rstrip(" ")
            current = indent
        current += word + gap
        blank = False
    yield current.rstrip(" ")


def _hanging(line: str, columns: int) -> int:
    """Return the indent of the lines that continue a line: below its text, not below its label."""
    leading = len(line) - len(line.lstrip(" "))
    label = 0
    for found in re.finditer(r"(?<=\S)\s{2,}(?=\S)", line[: columns // 2 + 1]):
        label = found.end()
    if label:
        return label
    return leading if leading > 2 and not line.lstrip(" ").startswith("- ") else leading + 2


def _cells(text: str) -> int:
    """Return the number of columns that a text takes: Chinese characters take two, accents none."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))
