"""What a run shows, kept as text: a good run, one with warnings, a refused one, a fleet, a cancelled run.

`RESEAL_WRITE_GOLDEN=1 pytest tests/way_in/test_golden.py` writes the texts again. Read them before you
commit them: each is to be understood at the first reading.
"""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from reseal.cli import console, progress, terminal
from reseal.cli.commands import reseal
from reseal.testing.machine import Machine
from reseal.testing.windows import windows
from tests.checks.problems import PROBLEMS
from tests.end_to_end import judges
from tests.rehearsal.samples import healthy

GOLDEN = Path(__file__).with_name("golden")
WIDTHS = (40, 80, 120)
#: What differs from run to run, and from machine to machine.
VARIES = (
    (r"\d+\.\d+ s\b", "0.00 s"),
    (r"\d+\.\d+ [KMG]iB", "0.0 MiB"),
    (r"S-1-5-21-\d+-\d+-\d+", "S-1-5-21-1111111111-2222222222-3333333333"),
)


def _run(*arguments: str) -> str:
    result = CliRunner().invoke(reseal, arguments, prog_name="reseal")
    return f"{result.output}[exit code {result.exit_code}]\n"


def _good(folder: Path) -> str:
    machine = healthy({"Windows": {"Panther": None}})
    windows(folder / "windows.qcow2", machine, firmware="uefi")
    return _run("generalize", "windows.qcow2", "--machine", "kvm-sata")


def _warnings(folder: Path) -> str:
    shutil.copyfile(folder / "in-use.qcow2", folder / "windows.qcow2")
    subprocess.run(["qemu-img", "snapshot", "-c", "before", "windows.qcow2"], check=True)
    return _run("generalize", "windows.qcow2")


def _refused(folder: Path) -> str:
    windows(folder / "windows.qcow2", Machine(**PROBLEMS["store-apps"].machine), size=48 << 20)
    return _run("check", "windows.qcow2") + _run("generalize", "windows.qcow2")


def _fleet(folder: Path) -> str:
    windows(folder / "golden.qcow2", size=48 << 20)
    _run("generalize", "golden.qcow2", "--quiet")
    (folder / "fleet.csv").write_text("name\nWS-01\nWS-02\nWS-03\n")
    (folder / "fleet" / "WS-02.qcow2").mkdir(parents=True)
    options = ("--machines", "fleet.csv", "--output-dir", "fleet", "--seed", "a", "--jobs", "1")
    return _run("clone", "golden.qcow2", *options)


def _cancelled(folder: Path) -> str:
    windows(folder / "windows.qcow2", size=48 << 20)
    before = (folder / "windows.qcow2").read_bytes()
    shown = progress._plainly

    def interrupted(message: Mapping[str, object]) -> None:
        shown(message)
        if message.get("step") == "Writing":
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress, "_plainly", interrupted)
        said = _run("generalize", "windows.qcow2", "--no-rehearsal")
    assert (folder / "windows.qcow2").read_bytes() == before
    return said


@pytest.mark.parametrize("scenario", [_good, _warnings, _refused, _fleet, _cancelled])
def test_what_a_run_shows(
    scenario: Callable[[Path], str],
    machine_in_use: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    # What this computer's sandbox lacks is not the same everywhere.
    monkeypatch.setattr(console, "_warn_all", lambda _: None)
    if scenario is _warnings:
        shutil.copyfile(machine_in_use, tmp_path / "in-use.qcow2")
    text = scenario(tmp_path)
    text = text.replace(f"{tmp_path}/", "")
    for pattern, instead in VARIES:
        text = re.sub(pattern, instead, text)
    name = scenario.__name__.strip("_")
    _compare(f"{name}.txt", text)
    # A terminal shows the steps on a line that vanishes.
    lines = [line for line in text.splitlines() if not line.endswith(" …")]
    for width in WIDTHS:
        shown = [part for line in lines for part in terminal.wrapped(line, width)]
        _compare(f"{name}-{width}.txt", "\n".join(shown) + "\n")
        long = [part for part in shown if len(part) > width]
        assert all(len(max(part.split(), key=len)) > width - 12 for part in long), long


def _compare(name: str, text: str) -> None:
    file = GOLDEN / name
    if os.environ.get("RESEAL_WRITE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")
    assert text == file.read_text("utf-8"), name


@pytest.mark.parametrize("columns", WIDTHS)
def test_a_terminal_gets_lines_of_its_width_and_colours(columns: int) -> None:
    arguments = ("sysprep", "windows.qcow2", "/oobe", "/audit")
    whole = judges.reseal(*arguments).stderr.splitlines()
    wrapped = [part for line in whole for part in terminal.wrapped(line, columns)]
    plain = _on_a_terminal(*arguments, COLUMNS=str(columns), NO_COLOR="1")
    assert plain.splitlines() == wrapped
    assert all(len(line) <= columns for line in wrapped)
    coloured = _on_a_terminal(*arguments, COLUMNS=str(columns))
    assert coloured != plain
    assert click.unstyle(coloured) == plain


def test_colours_are_forced_and_forbidden() -> None:
    arguments = ("sysprep", "windows.qcow2", "/oobe", "/audit")
    environment = {name: text for name, text in os.environ.items() if name != "NO_COLOR"}
    forced = judges.reseal(*arguments, env=environment | {"FORCE_COLOR": "1"}).stderr
    assert "\x1b[31m" in forced
    both = environment | {"FORCE_COLOR": "1", "NO_COLOR": "1"}
    assert "\x1b" not in judges.reseal(*arguments, env=both).stderr


def _on_a_terminal(*arguments: str, **environment: str) -> str:
    outer, inner = pty.openpty()
    variables = {name: text for name, text in os.environ.items() if name != "NO_COLOR"}
    variables |= {"TERM": "xterm-256color", **environment}
    process = subprocess.Popen(
        [judges.RESEAL, *arguments], stdout=inner, stderr=inner, env=variables
    )
    os.close(inner)
    shown = b""
    try:
        while part := os.read(outer, 1 << 16):
            shown += part
    except OSError:  # how a terminal ends on Linux
        pass
    process.wait()
    os.close(outer)
    return shown.decode().replace("\r\n", "\n")
