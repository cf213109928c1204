"""What `--help` shows of every command."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.core import TyperGroup

from reseal.cli.commands import COMMANDS, command


def _paths(one: object, *path: str) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(one, TyperGroup):
        for name, below in one.commands.items():
            yield from _paths(below, *path, name)


@pytest.mark.parametrize("path", sorted(_paths(command())), ids=" ".join)
def test_flags_are_shown_as_flags(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    command([*path]).main([*path, "--help"], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "--help" in shown
    assert "<bool>" not in shown
    assert "[default: 0]" not in shown


def test_a_run_loads_the_command_that_it_is() -> None:
    only = command(["verify", "image.qcow2"])
    assert isinstance(only, TyperGroup)
    assert list(only.commands) == ["verify"]
    everything = command(["--help"])
    assert isinstance(everything, TyperGroup)
    assert set(everything.commands) == set(COMMANDS)
