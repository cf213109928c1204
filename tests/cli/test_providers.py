from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from reseal.cli import commands
from reseal.providers.plugins import own

RUNNER = CliRunner()


def test_json_holds_every_declaration() -> None:
    result = RUNNER.invoke(commands.reseal, ["providers", "--json"])
    assert result.exit_code == 0
    listed = json.loads(result.stdout)["providers"]
    assert [one["id"] for one in listed] == [one.id for one in own()]
    assert {key for one in listed for key in one} == {
        "id", "title", "description", "mark", "source", "default", "beyond", "entry_points",
        "identity", "renewal",
    }  # fmt: skip
    marks = {"documented", "seen", "reported", "inferred"}
    assert {one["mark"] for one in listed} <= marks
    assert all(one["description"] and one["source"] for one in listed)


def test_text_says_what_each_does_and_fits_a_terminal() -> None:
    result = RUNNER.invoke(commands.reseal, ["providers"])
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert {f"{one.id} {one.title}" for one in own()} <= set(lines)
    assert max(map(len, lines)) <= 120
    result = RUNNER.invoke(commands.reseal, ["providers", "--verbose"])
    lines = result.stdout.splitlines()
    for one in own():
        assert any(line.startswith(f"{one.id} (o") for line in lines)
        assert f"    {one.title}." in lines


def test_one_provider_is_explained_with_its_source() -> None:
    result = RUNNER.invoke(commands.reseal, ["providers", "machine-sid"])
    assert result.stdout.startswith("machine-sid (on by default")
    assert "Source: " in result.stdout
    result = RUNNER.invoke(commands.reseal, ["providers", "machine-sit"])
    assert result.exit_code == 2
    assert "Did you mean machine-sid" in result.stderr


def test_generalize_refuses_an_unknown_provider_before_it_opens_anything(tmp_path: Path) -> None:
    result = RUNNER.invoke(
        commands.reseal, ["generalize", str(tmp_path / "x.qcow2"), "--disable", "event-log"]
    )
    assert result.exit_code == 2
    assert "event-logs" in result.output
