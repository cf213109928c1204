"""Reading INF files: the rules of their language, and files that break them."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.drivers import inf as module
from reseal.drivers.inf import Inf, InfError

VERSION = '[Version]\r\nSignature="$Windows NT$"\r\n'


def lines(body: str, language: int = 0x409) -> list[tuple[str | None, tuple[str, ...]]]:
    """The lines of a section of a file."""
    found = Inf((VERSION + body).encode("utf-16"), language=language).lines("x")
    return [(one.key, one.fields) for one in found]


@pytest.mark.parametrize(
    ("text", "key", "fields"),
    [
        ("a = b", "a", ("b",)),
        ("a=b,c , d", "a", ("b", "c", "d")),
        ("a = ", "a", ("",)),
        ("a,,b,", None, ("a", "", "b", "")),
        ("a = b ; not c", "a", ("b",)),
        ('a = "b ; c" ; d', "a", ("b ; c",)),
        ('a = "say ""hi"""', "a", ('say "hi"',)),
        ('a = " b "', "a", (" b ",)),
        ('a = "b, c", d', "a", ("b, c", "d")),
        ('a = "open, b', "a", ("open, b",)),
        ('a = b"c,d"e', "a", ("bc,de",)),
        ('"a=b" = c', "a=b", ("c",)),
        ("HKR,,v,0,a=b", None, ("HKR", "", "v", "0", "a=b")),
        ("a = b = c", "a", ("b = c",)),
        ("a = b,\\\r\n   c", "a", ("b", "c")),
        ("a = b, \\ ; a comment\r\n c", "a", ("b", "c")),
        ('a = "b\\"\r\n', "a", ("b\\",)),
        ("a = b\\c", "a", ("b\\c",)),
        ("a = %name%", "a", ("Example",)),
        ("a = %NAME% %%x%%", "a", ("Example %x%",)),
        ('a = "%name%, Inc."', "a", ("Example, Inc.",)),
        ("a = %12%\\b.sys", "a", ("%12%\\b.sys",)),
        ("a = %unknown%", "a", ("%unknown%",)),
        ("%name% = b", "Example", ("b",)),
        ("a = 100%", "a", ("100%",)),
    ],
)
def test_a_line(text: str, key: str | None, fields: tuple[str, ...]) -> None:
    assert lines(f'[x]\r\n{text}\r\n[Strings]\r\nname = "Example"\r\n') == [(key, fields)]


def test_sections_of_one_name_are_one_whatever_the_case() -> None:
    assert lines("[X]\na=1\n[y]\nb=2\n[x ] more\nc=3\n") == [("a", ("1",)), ("c", ("3",))]
    found = Inf(VERSION.encode() + b"[Inst.NTamd64]\r\n")
    assert "INST.ntAMD64" in found
    assert found.spelled("inst.ntamd64") == "Inst.NTamd64"
    assert found.lines("none") == ()


def test_strings_are_those_of_the_language() -> None:
    body = (
        "[x]\na = %b%,%c%,%d%\n[Strings]\nb=one\nc=two\nd=three\n"
        "[Strings.0407]\nb=eins\n[Strings.0009]\nc=English\n[Strings.0c07]\nb=oans\nd=drei\n"
    )
    assert lines(body, language=0x407) == [("a", ("eins", "two", "drei"))]
    assert lines(body, language=0x409) == [("a", ("one", "English", "three"))]
    assert lines(body, language=0x40C) == [("a", ("one", "two", "three"))]


@pytest.mark.parametrize(
    "data",
    [
        "[Version]\r\nProvider=Müller\r\n".encode("utf-16"),
        b"\xfe\xff" + "[Version]\r\nProvider=Müller\r\n".encode("utf-16-be"),
        "[Version]\r\nProvider=Müller\r\n".encode("utf-16-le"),
        "[Version]\r\nProvider=Müller\r\n".encode("utf-8-sig"),
        "[Version]\rProvider=Müller\r".encode("cp1252"),
        "[Version]\nProvider=Müller".encode("cp1252") + b"\x1a\0\xff",
    ],
    ids=["utf-16", "utf-16-be", "utf-16 without mark", "utf-8", "ANSI", "old end of file"],
)
def test_every_encoding(data: bytes) -> None:
    assert Inf(data).value("version", "PROVIDER") == "Müller"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"no section \[Version\]"),
        (b"[Strings]\na=b\n", r"no section \[Version\]"),
        (b"[Version]\n[open\n", "without a proper name in line 2"),
        (b"[Version]\n[" + b"x" * 300 + b"]\n", "without a proper name"),
        (b"[Version]\na=" + b"x" * (module.MAX_LINE + 1), "more than 65536 characters at 2"),
        (b"[Version]\na=b,\\\n" * 1 + b"x,\\\n" * 40_000, "more than 65536 characters"),
        (bytes(module.MAX_SIZE + 1), "more than any real INF file"),
    ],
)
def test_what_is_no_inf_file(data: bytes, message: str) -> None:
    with pytest.raises(InfError, match=message):
        Inf(data, name="x.inf")


def test_strings_that_grow_without_end_are_refused() -> None:
    body = "[x]\n" + ("a = " + "%b%" * 2000 + "\n") * 100
    body += "[Strings]\nb = " + "y" * 4096 + "\n"
    with pytest.raises(InfError, match="grow beyond"):
        lines(body)


def test_strings_are_put_in_once() -> None:
    assert lines('[x]\na = %b%\n[Strings]\nb = "%c%"\nc = "%b%"\n') == [("a", ("%c%",))]


@given(st.lists(st.text(st.sampled_from('ab \t"%;,=[]\\\r\n.0\x1a\0é'), max_size=30), max_size=12))
def test_any_text_is_read_or_refused(parts: list[str]) -> None:
    data = (VERSION + "[x]\n" + "\n".join(parts)).encode("utf-16")
    with contextlib.suppress(InfError):
        found = Inf(data)
        for section in found.sections():
            for line in found.lines(section):
                assert all(isinstance(one, str) for one in line.fields)


@given(st.lists(st.text(st.characters(exclude_characters='\r\n\0\x1a%"', exclude_categories=["Cs"]),
                        max_size=20), min_size=1, max_size=5))  # fmt: skip
def test_quoted_values_come_back_as_they_were(values: list[str]) -> None:
    text = "k = " + ", ".join(f'"{one}"' for one in values)
    assert lines("[x]\r\n" + text + "\r\n") == [("k", tuple(values))]


def test_real_files_are_read_whole(corpus: Path) -> None:
    """Every section header and every line of 88 real files is accounted for."""
    files = sorted((corpus / "inf").rglob("*.in?"))
    assert len(files) > 80
    for path in files:
        found = Inf(path.read_bytes(), name=path.name)
        assert found.value("Version", "Signature"), path
        assert found.lines("Strings"), path
        for section in found.sections():
            for line in found.lines(section):
                assert "%" not in (line.key or "") or line.raw_key
