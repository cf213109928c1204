"""What `--help` shows of every command, and what the command line loads for it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from reseal.cli import console
from reseal.cli.commands import COMMANDS, reseal
from reseal.errors import ImageError


def _paths(one: click.Command, *path: str) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(one, click.Group):
        context = click.Context(one)
        for name in one.list_commands(context):
            below = one.get_command(context, name)
            assert below is not None
            yield from _paths(below, *path, name)


def shown(*arguments: str) -> str:
    result = CliRunner().invoke(reseal, arguments, prog_name="reseal", terminal_width=80)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("path", sorted(_paths(reseal)), ids=" ".join)
def test_flags_are_shown_as_flags(path: tuple[str, ...]) -> None:
    text = shown(*path, "--help")
    assert "--help" in text
    assert "BOOLEAN" not in text
    assert "[default: 0]" not in text


@pytest.mark.parametrize("path", sorted(_paths(reseal)), ids=" ".join)
def test_help_fits_a_terminal_up_to_its_examples(path: tuple[str, ...]) -> None:
    text = shown(*path, "--help").partition("\nExamples:\n")[0]
    assert max(map(len, text.splitlines())) <= 80
    assert "..." not in re.sub(r"\b(?:FILE|IMAGE)\.\.\.|\]\.\.\.", "", text)  # nothing is cut off


def test_arguments_and_each_group_of_options_have_a_heading() -> None:
    text = shown("generalize", "--help")
    headings = [line for line in text.splitlines() if line and not line.startswith(" ")]
    assert headings[0] == "Usage: reseal generalize [OPTIONS] IMAGE"
    assert headings[1:4] == ["Arguments:", "Options:", "Steps, run in the order given:"]
    assert "Steps (files):" in headings
    assert headings[-1] == "Examples:"
    steps = text.partition("Steps (registry):")[2].partition("\n\n")[0]
    assert "--reg-set PATH VALUE TYPE DATA" in steps
    assert "--dry-run" in text.partition("Options:")[2].partition("Steps")[0]


def test_what_may_be_left_out_is_in_brackets() -> None:
    usage, _, text = shown("reg", "set", "--help").partition("\n")
    assert usage == "Usage: reseal reg set [OPTIONS] TARGET PATH [NAME] [DATA]..."
    assert "[DATA]...  Text, number, hex bytes" in text
    assert shown("unattend", "check", "--help").startswith(
        "Usage: reseal unattend check [OPTIONS] FILE...\n"
    )


@pytest.mark.parametrize("group", [(), ("reg",)], ids=str)
def test_a_group_alone_shows_its_help(group: tuple[str, ...]) -> None:
    result = CliRunner().invoke(reseal, group, prog_name="reseal")
    assert result.exit_code == 2
    assert result.stdout == shown(*group, "--help")


def test_what_is_wrong_is_said() -> None:
    for arguments, sentence in (
        (["generalize"], "Missing argument 'IMAGE'."),
        (["reg", "set", "SOFTWARE"], "Missing argument 'PATH'."),
        (["inspect", "x", "--frobnicate"], "No such option"),
        (["generalise", "x"], "No such command 'generalise'."),
        (["unattend", "check", "x", "--level", "bad"], "'bad' is not one of 'error'"),
        (["customize", "x", "--reg-set", "a", "b"], "'--reg-set' requires 4 arguments."),
    ):
        result = CliRunner().invoke(reseal, arguments, prog_name="reseal")
        assert result.exit_code == 2
        assert sentence in result.output


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("one line", "one line"),
        (
            "a.xml has an error.\na.xml:5:1: x\na.xml:6:1: y",
            "a.xml has an error.\n  a.xml:5:1: x\n  a.xml:6:1: y",
        ),
        ("a\x1b[31m\nb\x07", "a\ufffd[31m\n  b\ufffd"),
        ("x\nWhat to do: run this", "x\n  What to do: run this"),
        ("a\r\nb", "a\ufffd\n  b"),
    ],
)
def test_an_error_of_several_lines_keeps_them_and_no_other_control(
    message: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit), console.errors(as_json=False):
        raise ImageError(message)

    assert capsys.readouterr().err == f"Error: {shown}\n"


def test_an_interrupt_ends_with_the_code_that_shells_give_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(_record: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(console, "print_json", interrupt)
    assert CliRunner().invoke(reseal, ["providers", "--json"]).exit_code == 130


@pytest.mark.parametrize(
    ("arguments", "loaded"),
    [
        (["verify", "no-such-image.qcow2"], ["verify"]),
        (["verify", "--help"], ["verify"]),
        (["--help"], sorted(COMMANDS)),
    ],
    ids=str,
)
def test_a_run_loads_the_command_that_it_is(arguments: list[str], loaded: list[str]) -> None:
    code = f"""
import atexit, json, sys
from reseal.cli import commands, entry
names = lambda: [one for one in commands.COMMANDS if f"reseal.cli.{{one}}" in sys.modules]
atexit.register(lambda: print(json.dumps(sorted(names())), file=sys.stderr))
sys.argv = ["reseal", *{arguments!r}]
entry.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert json.loads(done.stderr.splitlines()[-1]) == loaded
