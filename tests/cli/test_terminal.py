from __future__ import annotations

import io

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.cli import terminal

LINES = st.text(st.sampled_from("ab  :-ä漢"), max_size=120)


@given(LINES, st.integers(20, 60))
def test_wrapping_loses_no_word_and_exceeds_no_width(line: str, columns: int) -> None:
    parts = list(terminal.wrapped(line, columns))
    assert " ".join(parts).split() == line.split()
    for part in parts:
        assert terminal._cells(part) <= columns or len(part.split()) == 1 or part == parts[0]


@pytest.mark.parametrize(
    ("line", "columns", "shown"),
    [
        ("Warning: one two three", 20, ["Warning: one two", "  three"]),
        ("  What to do: one two three", 20, ["  What to do: one", "    two three"]),
        ("Identity  one two three", 20, ["Identity  one two", "          three"]),
        ("      - one two three", 20, ["      - one two", "        three"]),
        ("漢字漢字 漢字漢字 漢字漢字", 20, ["漢字漢字 漢字漢字", "  漢字漢字"]),
        ("short", 20, ["short"]),
        ("a " + "b" * 30, 20, ["a", "  " + "b" * 30]),
    ],
)
def test_continued_lines_stand_below_their_text(line: str, columns: int, shown: list[str]) -> None:
    assert list(terminal.wrapped(line, columns)) == shown
    assert list(terminal.wrapped(line, None)) == [line]


@pytest.mark.parametrize(
    ("variables", "tty", "coloured"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": "", "FORCE_COLOR": ""}, True, True),
    ],
)
def test_who_gets_colours(
    variables: dict[str, str], tty: bool, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: tty)
    assert terminal.coloured(stream) is coloured


def test_only_the_level_is_coloured() -> None:
    line = "  What to do: Run it. Warning: none."
    painted = terminal.painted(line)
    assert painted != line
    assert click.unstyle(painted) == line
    assert painted.endswith(" Run it. Warning: none.")
    assert terminal.painted("A warning: none") == "A warning: none"


def test_a_line_break_in_a_name_is_no_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.show("a\nError: b")
    assert capsys.readouterr().out == "a\ufffdError: b\n"
