"""Edits of text files by a regular expression; encodings and ends of lines stay."""

from __future__ import annotations

import pytest

from reseal.customize.expression import parse
from reseal.errors import UsageError


@pytest.mark.parametrize(
    ("expression", "before", "after"),
    [
        ("s/a/b/", b"aa\r\naa", b"ba\r\nba"),
        ("s/a/b/g", b"aa\r\naa\r\n", b"bb\r\nbb\r\n"),
        ("s/A/b/gi", b"aA\n", b"bb\n"),
        (r"s/^(\w+)=.*$/\1=2/", b"x=1\r\ny=1\r\n", b"x=2\r\ny=2\r\n"),
        ("s|/etc|/usr|", b"/etc\n", b"/usr\n"),
        (r"s/a\/b/c\/d/", b"a/b", b"c/d"),
        ("s/a$/b/", b"", b""),
        ("s/\u00e4/\u00f6/", "\ufeff\u00e4\r\n".encode("utf-16-le"), "\ufeff\u00f6\r\n".encode("utf-16-le")),
        ("s/\u00e4/\u00f6/", b"\xef\xbb\xbf\xc3\xa4", b"\xef\xbb\xbf\xc3\xb6"),
        ("s/x/y/", b"x\xff\x00\x80", b"y\xff\x00\x80"),
    ],
)  # fmt: skip
def test_lines_are_edited(expression: str, before: bytes, after: bytes) -> None:
    assert parse(expression).apply(before) == after


@pytest.mark.parametrize(
    "text", ["", "s", "s/a/b", "a/b/c/", "s/a/b/x", "s/(/b/", r"s/a/\1/", "sxaxbx", "s/a/b/c/"]
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not an expression"):
        parse(text)


def test_a_character_that_the_encoding_lacks_is_refused() -> None:
    with pytest.raises(UsageError, match="does not have"):
        parse("s/x/\u20ac/").apply(b"x\xff")
