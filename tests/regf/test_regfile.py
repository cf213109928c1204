from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.regf import Hive, RegfError, exchange, regfile, types
from reseal.regf.regfile import Section, ValueLine
from reseal.testing.hives import hive
from tests import oracles
from tests.regf.test_recovery import opened

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = r"HKEY_LOCAL_MACHINE\SOFTWARE"


def reg(*lines: str, version: int = 5) -> bytes:
    """A .reg file of these lines."""
    text = "\r\n".join([regfile.HEADER_5 if version == 5 else regfile.HEADER_4, "", *lines, ""])
    return ("\ufeff" + text).encode("utf-16-le") if version == 5 else text.encode("cp1252")


def test_every_form_of_a_line_is_understood() -> None:
    sections = regfile.parse(
        reg(
            "; a comment",
            r"[HKEY_LOCAL_MACHINE\SOFTWARE\A [b] ; c]",
            '@="default"',
            r'"quo\"te\\d"="C:\\x ; \"y\""  ; comment',
            '"line"="one',
            'two"',
            '"d"=dword:0000000A',
            '"b"=hex:01,02,\\',
            "  03,\\ ; comment",
            "  04",
            '"e"=hex:',
            '"x"=hex(2):41,00,00,00',
            '"odd"=hex(ffff0011):ff',
            '"gone"=-',
            r"[-HKLM\SOFTWARE\B]",
        )
    )
    assert sections == [
        Section(
            r"HKEY_LOCAL_MACHINE\SOFTWARE\A [b] ; c",
            values=[
                ValueLine("", 1, types.encode(1, "default")),
                ValueLine('quo"te\\d', 1, types.encode(1, r'C:\x ; "y"')),
                ValueLine("line", 1, types.encode(1, "one\r\ntwo")),
                ValueLine("d", 4, b"\x0a\0\0\0"),
                ValueLine("b", 3, b"\1\2\3\4"),
                ValueLine("e", 3, b""),
                ValueLine("x", 2, b"A\0\0\0"),
                ValueLine("odd", 0xFFFF0011, b"\xff"),
                ValueLine("gone", None),
            ],
        ),
        Section(r"HKEY_LOCAL_MACHINE\SOFTWARE\B", delete=True),
    ]


def test_version_4_holds_text_in_the_code_page() -> None:
    (section,) = regfile.parse(reg(r"[HKLM\A]", '"é"="ü"', '"x"=hex(2):80,00', version=4))
    assert section.values == [
        ValueLine("é", 1, types.encode(1, "ü")),
        ValueLine("x", 2, types.encode(2, "€")),
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("[HKLM\\A", "bracket"),
        ("[]", "bracket"),
        ('"a"', "equals"),
        ('"a"="b', "quote"),
        ('"a"="b" c', "other text"),
        ('"a"=dword:123456789', "is not text"),
        ('"a"=hex:1g', "other text"),
        ('"a"=hex:111', "bytes"),
        ('"a"=hex:1,,2', "bytes"),
        ('"a"=word:1', "is not text"),
        ("nonsense", "neither"),
    ],
)
def test_a_wrong_line_is_named(line: str, problem: str) -> None:
    with pytest.raises(RegfError, match=problem) as caught:
        regfile.parse(reg(r"[HKLM\A]", line))
    assert "Line 4" in caught.value.message


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"REGEDIT5\n", b"regf" * 100, b"\xff\xfea"])
def test_what_is_no_reg_file_is_refused(data: bytes) -> None:
    with pytest.raises(RegfError, match=r"not a \.reg file"):
        regfile.parse(data)


TEXT = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=20)
VALUES = st.builds(
    ValueLine,
    TEXT,
    st.one_of(st.integers(0, 12), st.integers(0, 0xFFFFFFFF)),
    st.one_of(st.binary(max_size=300), TEXT.map(lambda text: types.encode(1, text))),
)
PATHS = TEXT.map(lambda text: rf"HKEY_LOCAL_MACHINE\{text.strip(chr(92))}x")


@given(
    st.lists(st.builds(Section, PATHS, st.just(False), st.lists(VALUES, max_size=5)), max_size=5)
)
def test_what_is_written_is_read_back(sections: list[Section]) -> None:
    assert regfile.parse(b"".join(regfile.write(sections))) == sections


LATIN = st.text(st.characters(max_codepoint=0x7E, min_codepoint=0x20), max_size=20)


@given(st.lists(st.tuples(LATIN, st.sampled_from([1, 2, 3, 4, 7, 11]), LATIN), max_size=5))
def test_version_4_is_read_back_too(values: list[tuple[str, int, str]]) -> None:
    section = Section("HKEY_USERS\\x")
    for name, number, text in values:
        section.values.append(ValueLine(name, number, types.encode(1, text)))
    assert regfile.parse(b"".join(regfile.write([section], 4))) == [section]


def test_version_4_refuses_what_it_cannot_hold() -> None:
    section = Section("HKEY_USERS\\Ключ")
    with pytest.raises(RegfError, match="version 4") as caught:
        b"".join(regfile.write([section], 4))
    assert caught.value.hint


@pytest.mark.parametrize(
    "name",
    [
        "machines/win10-21h1/DEFAULT",
        "machines/win10-21h1/SAM",
        "machines/win10-21h1/Users/AndrewRathbun/NTUSER.DAT",
        "regf-corner-cases/BigDataHive",
        "regf-corner-cases/UnicodeHive",
        "regf-corner-cases/StringValuesHive",
    ],
)
def test_an_export_rebuilds_the_hive(corpus: Path, name: str) -> None:
    original = opened(corpus / name)
    data = b"".join(regfile.write(exchange.sections(original.root, PREFIX)))
    again = Hive.new(name="again")
    exchange.apply(again.root, regfile.parse(data), PREFIX)
    assert oracles.tree_of(again) == oracles.tree_of(original)
    assert again.verify() == []


def test_names_that_no_reg_file_can_hold_are_left_out_and_said() -> None:
    odd = hive({"good": {"a\r\nb": 1, "c": 2}})
    odd.root.create_subkey("bad\nname").create("below")
    skipped: list[str] = []
    sections = list(exchange.sections(odd.root, PREFIX, skipped.append))
    assert [section.path for section in sections] == [PREFIX, rf"{PREFIX}\good"]
    assert len(skipped) == 2


def test_an_import_outside_the_hive_changes_nothing() -> None:
    target = hive({"a": {}})
    sections = [Section(rf"{PREFIX}\a\b"), Section(r"HKEY_LOCAL_MACHINE\SOFTWAREX\c")]
    with pytest.raises(RegfError, match="not in this hive"):
        exchange.apply(target.root, sections, PREFIX)
    assert target.key(r"a\b") is None


def test_an_import_creates_changes_and_deletes() -> None:
    target = hive({"a": {"keep": 1, "drop": 2}, "gone": {"deep": {}}})
    exchange.apply(
        target.root,
        regfile.parse(
            reg(
                r"[hklm\Software\a]",
                '"drop"=-',
                '"new"="text"',
                r"[-HKEY_LOCAL_MACHINE\SOFTWARE\gone]",
                r"[-HKEY_LOCAL_MACHINE\SOFTWARE\never there]",
                r"[HKEY_LOCAL_MACHINE\SOFTWARE\x\y]",
            )
        ),
        PREFIX,
    )
    assert oracles.tree_of(target) == {
        "": {},
        "a": {"keep": (4, b"\1\0\0\0"), "new": (1, types.encode(1, "text"))},
        "x": {},
        r"x\y": {},
    }
