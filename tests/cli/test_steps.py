"""Steps on a command line, as a command gets them."""

from __future__ import annotations

from pathlib import Path

import click
from click.testing import CliRunner

from reseal.cli.steps import StepsCommand
from reseal.operations.customize import StepWords, read


def given(*arguments: str) -> tuple[str | None, list[StepWords]]:
    found: list[tuple[str | None, list[StepWords]]] = []

    @click.command(cls=StepsCommand)
    @click.argument("image")
    @click.option("--drivers")
    def command(image: str, drivers: str | None, steps: list[StepWords]) -> None:
        assert image == "image.qcow2"
        found.append((drivers, steps))

    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    return found[0]


def test_they_keep_the_order_in_which_they_were_given_across_all_options() -> None:
    _, steps = given(
        *("--mkdir", "/a", "--wipe-free", "--reg-set", "HKLM\\SOFTWARE\\A", "N", "REG_SZ", "x"),
        *("image.qcow2", "--mkdir=/b", "--wipe-free"),
        *("--reg-set", "HKLM\\SOFTWARE\\B", "N", "REG_SZ", "--mkdir"),
    )
    assert steps == [
        ("mkdir", "/a"),
        ("wipe-free",),
        ("reg-set", "HKLM\\SOFTWARE\\A", "N", "REG_SZ", "x"),
        ("mkdir", "/b"),
        ("wipe-free",),
        ("reg-set", "HKLM\\SOFTWARE\\B", "N", "REG_SZ", "--mkdir"),
    ]


def test_a_command_s_own_option_wins_over_the_step_of_its_name() -> None:
    assert given("image.qcow2", "--drivers", "folder") == ("folder", [])


def test_those_of_a_recipe_stand_in_its_place(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[[step]]\nmkdir = "/b"\n')
    _, steps = given("image.qcow2", "--mkdir", "/a", "--recipe", str(recipe), "--mkdir", "/c")
    assert [one.values["guest"] for one in read(steps)] == ["/a", "/b", "/c"]
