"""The how-to page: its recipe and its commands, as they stand there, on a sample image."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.customize import machines
from tests.customize.machines import Judged

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "golden-image.md"

pytestmark = pytest.mark.corpus


def blocks(language: str) -> list[str]:
    """The code of the page in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_page_works_as_it_stands(corpus: Path, tmp_path: Path) -> None:
    machines.sample(corpus, tmp_path / "windows.qcow2")
    (recipe,) = blocks("toml")
    # The account of the sample is called otherwise.
    assert '"vagrant"' in recipe
    (tmp_path / "golden.toml").write_text(recipe.replace('"vagrant"', '"AndrewRathbun"'))
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "agent.exe").write_bytes(b"MZ")
    reg = "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Agent]\r\n"
    (tmp_path / "settings.reg").write_text(reg)
    (tmp_path / "install-agent.cmd").write_text("echo agent\n")
    (tmp_path / "administrator.txt").write_text("Secret 1!\n")
    before = (tmp_path / "windows.qcow2").read_bytes()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    dry, seal, verify = blocks("sh")
    for command in (dry, seal, verify):
        done = subprocess.run(
            command, shell=True, cwd=tmp_path, env=os.environ | {"PATH": path},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        assert "Secret 1!" not in done.stdout + done.stderr
    assert (tmp_path / "windows.qcow2").read_bytes() == before
    judged = Judged.of(tmp_path / "golden.qcow2", tmp_path / "judged")
    assert judged.read(r"Program Files\Agent\agent.exe") == b"MZ"
    assert judged.machine("SOFTWARE", "Agent") is not None
    assert (
        judged.read(r"Windows\Setup\Scripts\reseal\firstboot.d\0001-install-agent.cmd")
        == b"echo agent\r\n"
    )
    assert "AndrewRathbun" not in judged.accounts
