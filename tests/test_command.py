from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests import command


@pytest.mark.parametrize(
    "arguments",
    [("--version",), ("providers", "--json"), ("inspect", "none"), ("inspect",), ("no",)],
)
def test_a_forked_run_is_like_one_of_the_installed_command(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    forked = command.reseal(*arguments)
    installed = subprocess.run(
        [command.RESEAL, *arguments], check=False, capture_output=True, text=True
    )
    assert (forked.returncode, forked.stdout, forked.stderr) == (
        installed.returncode, installed.stdout, installed.stderr,
    )  # fmt: skip


def test_another_environment_reaches_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    narrow = command.reseal("--help").stdout
    monkeypatch.setenv("COLUMNS", "100")
    assert command.reseal("--help").stdout != narrow
