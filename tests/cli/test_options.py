"""Options mean the same in every command, and exist wherever they make sense."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from reseal.checks import CHECKS
from reseal.cli.commands import reseal
from reseal.cli.help import Force
from reseal.cli.run import CHANGING, LOOKING
from reseal.customize import STEPS
from reseal.providers.plugins import every
from tests.cli.test_help import _paths

#: Commands that change the Windows of an image, and what some of them lack, with the reason.
CHANGE = {
    "customize": "",
    "generalize": "",
    "boot": "",
    "sysprep": "",
    "sid": "",
    "specialize": "",
    "unattend apply": "",
    "reg set": "--quiet --verbose",  # it tells one line, and has no steps
    "reg delete": "--quiet --verbose",
    "reg rename": "--quiet --verbose",
    "reg import": "--quiet --verbose",
}
#: Commands that look at the Windows of an image.
LOOK = {
    "inspect": "",
    "check": "",
    "verify": "",
    "unattend check": "",
    "reg query": "",
    "reg diff": "",
    "reg verify": "",
    "reg export": "--json",  # a .reg file is what it prints
}
#: Options that mean something else in a command, with the reason.
OTHERWISE = {
    ("--output", "reg export"): "the file of a text, not an image",
    ("--output", "reg diff"): "the file of a text, not an image",
    ("--output", "unattend new"): "the file of a text, not an image",
    ("--output", "unattend hide-secrets"): "the file of a text, not an image",
    ("--output", "unattend merge"): "the file of a text, not an image",
    ("--volume", "apply"): "of the target, which holds no Windows yet",
    ("--thin", "clone"): "the default, which --full switches off",
    ("--set", "unattend new"): "of the new file; there is none that it could win over",
    ("--image", "unattend check"): "what is checked against it",
    ("--force", "boot"): "which checks a command has differs",
    ("--force", "capture"): "which checks a command has differs",
    ("--force", "sid"): "which checks a command has differs",
    ("--force", "specialize"): "which checks a command has differs",
    ("--force", "unattend apply"): "which checks a command has differs",
    ("--sid", "generalize"): "when the machine gets its SID",
    ("--sid", "clone"): "single SIDs are in the table",
    ("--all-volumes", "clone"): "a profile of this Windows changes in any case",
    ("--all-volumes", "specialize"): "a profile of this Windows changes in any case",
    ("--firmware", "deploy"): "what the new disk is made for; rehearse asks about one that exists",
    ("--sid", "sid"): "new and pending are options of their own",
    ("--integrity", "apply"): "the table is checked rather than made",
    ("--unattend", "clone"): "a template, with variables",
    ("--value", "reg query"): "the value is shown rather than deleted",
    ("--mode", "unattend new"): "the Mode of an answer file, not the /mode of Sysprep",
    ("--strict", "verify"): "the verdict, not the providers of an image",
    ("--all-volumes", "sid"): "only what a SID is in",
    ("--volume", "decrypt"): "a volume, with or without a Windows",
    ("--disk", "unattend new"): "how Setup lays out the disk of a new machine",
    ("--computer-name", "unattend new"): "empty by default",
}
LEAVES: dict[str, click.Command] = {}
for path in _paths(reseal):
    one: click.Command = reseal
    for part in path:
        assert isinstance(one, click.Group)
        found = one.get_command(click.Context(one), part)
        assert found
        one = found
    if not isinstance(one, click.Group):
        LEAVES[" ".join(path)] = one


def options(command: str) -> dict[str, click.Option]:
    return {
        one.opts[0]: one
        for one in LEAVES[command].params
        if isinstance(one, click.Option)
        and not one.hidden
        and getattr(one, "heading", "Options") == "Options"
    }


def names(shared: tuple[str, ...]) -> set[str]:
    own = {"as_json": "--json", "report_files": "--report", "keys": "--key"}
    own |= {"destination": "--for", "disks": "--disk"}
    return {own.get(one, "--" + one.replace("_", "-")) for one in shared}


@pytest.mark.parametrize("command", CHANGE)
def test_what_changes_a_windows_takes_the_same_options(command: str) -> None:
    assert names(CHANGING) - set(options(command)) == set(CHANGE[command].split())


@pytest.mark.parametrize("command", LOOK)
def test_what_looks_at_a_windows_takes_the_same_options(command: str) -> None:
    assert names(LOOKING) - set(options(command)) == set(LOOK[command].split())


def meaning(one: click.Option) -> tuple[Any, ...]:
    return (one.name, one.is_flag, one.multiple, one.nargs, one.metavar, one.help, one.opts)


def test_one_name_means_one_thing() -> None:
    meanings: dict[str, dict[str, tuple[Any, ...]]] = defaultdict(dict)
    for command in LEAVES:
        for name, one in options(command).items():
            meanings[name][command] = meaning(one)
    differing = {
        (name, command)
        for name, found in meanings.items()
        for command, one in found.items()
        if one != reference(name, found)
    }
    assert differing == set(OTHERWISE)


def reference(name: str, found: dict[str, tuple[Any, ...]]) -> tuple[Any, ...]:
    """What an option means in the first command without an exception."""
    return next(one for command, one in found.items() if (name, command) not in OTHERWISE)


@pytest.mark.parametrize("command", LEAVES)
def test_force_names_a_check_and_yes_is_a_flag(command: str) -> None:
    own = options(command)
    if "--force" in own:
        assert isinstance(own["--force"], Force)
        assert own["--force"].multiple
        assert not own["--force"].is_flag
    if "--yes" in own:
        assert own["--yes"].is_flag


@pytest.mark.parametrize("command", LEAVES)
def test_every_command_has_a_short_help_and_debug(command: str) -> None:
    done = CliRunner().invoke(reseal, [*command.split(), "-h"])
    assert done.exit_code == 0
    assert "-h, --help" in done.stdout
    assert "--debug" in done.stdout
    assert done.stdout == CliRunner().invoke(reseal, [*command.split(), "--help"]).stdout


# Former names


def given(command: str, *arguments: str) -> dict[str, Any]:
    """The parameters of a call of a command, without running it."""
    return LEAVES[command].make_context(command, list(arguments)).params


@pytest.mark.parametrize(
    ("command", "rest", "former", "now"),
    [
        ("sid", "", "--set S-1-5-21-1-2-3", "--sid S-1-5-21-1-2-3"),
        ("sid", "--yes", "--force", "--force domain"),
        ("sid", "", "--force", "--force domain"),
        ("unattend apply", "a.xml", "--force", "--force unattend"),
        ("capture", "a.wim", "--check", "--integrity"),
        ("apply", "a.wim", "--check", "--integrity"),
        ("reg export", "key", "--version 4", "--reg-version 4"),
        ("customize", "--mkdir /a", "--timezone UTC", "--time-zone UTC"),
        ("generalize", "--oobe", "--timezone=UTC", "--time-zone=UTC"),
    ],
)
def test_scripts_may_use_former_names(command: str, rest: str, former: str, now: str) -> None:
    base = ["image.qcow2", *rest.split()]
    wanted = given(command, *base, *now.split())
    assert wanted != given(command, *base)
    assert given(command, *base, *former.split()) == wanted
    assert given(command, *former.split(), *base) == given(command, *now.split(), *base)
    if former != "--force":
        shown = CliRunner().invoke(reseal, [*command.split(), "--help"]).stdout
        name = former.replace("=", " ").partition(" ")[0]
        assert f" {name} " not in shown.partition("Examples:")[0]


# Completion


def completed(incomplete: str, *words: str) -> set[str]:
    found = ShellComplete(reseal, {}, "reseal", "_RESEAL_COMPLETE").get_completions(
        list(words), incomplete
    )
    return {one.value for one in found}


def test_a_shell_completes_the_names_of_providers_checks_and_steps() -> None:
    providers = {one.id for one in every()}
    assert completed("", "generalize", "image", "--enable") == providers
    assert completed("machine-", "generalize", "image", "--disable") == {
        one for one in providers if one.startswith("machine-")
    }
    checks = {one.id for one in CHECKS if one.forceable}
    assert completed("", "check", "image", "--force") == checks
    assert checks < completed("", "generalize", "image", "--force")
    assert "last-administrator" in completed("", "customize", "image", "--force")
    assert completed("", "boot", "image", "--force") == {"unattend"}
    steps = completed("--", "customize", "image")
    assert {f"--{one}" for one in STEPS if one != "timezone"} | {"--time-zone"} <= steps
    assert "--timezone" not in steps


# --debug


@pytest.mark.parametrize("call", [["inspect"], ["generalize", "--unattend", "s3cret.xml"]], ids=str)
def test_debug_writes_a_log_without_messages_and_values(
    call: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    damaged = tmp_path / "s3cret.img"
    damaged.write_bytes(b"s3cret" * 1000)
    quiet = CliRunner().invoke(reseal, [*call, str(damaged)])
    assert quiet.exit_code
    assert "Traceback" not in quiet.stderr
    assert not list(tmp_path.glob("reseal-debug-*"))
    done = CliRunner().invoke(reseal, [*call, str(damaged), "--debug"])
    assert done.exit_code == quiet.exit_code
    assert "Traceback" in done.stderr
    assert quiet.stderr in done.stderr
    (log,) = tmp_path.glob("reseal-debug-*.log")
    assert log.name in done.stderr
    assert log.stat().st_mode & 0o777 == 0o600
    text = log.read_text("utf-8")
    assert f"Command: reseal {call[0]}" in text
    assert "Error" in text
    assert "s3cret" not in text
    if len(call) > 1:
        assert "--unattend" in text


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        ("generalize", "generalize"),  # --sid has a default
        ("generalize --sid new", "generalize --sid"),
        ("generalize --sid pending", "generalize --sid"),
        ("customize --mkdir C:\\New", "customize --mkdir"),
        ("check", "check"),
    ],
)
def test_a_debug_log_names_the_options_that_were_given(
    call: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "image").write_bytes(b"not a disk" * 1000)
    assert CliRunner().invoke(reseal, [*call.split(), "image", "--debug"]).exit_code
    (log,) = tmp_path.glob("reseal-debug-*.log")
    assert log.read_text("utf-8").splitlines()[1].rstrip() == f"Command: reseal {shown}"
