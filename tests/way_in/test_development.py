"""The development pages: their diffs apply to this tree, and pass the tests that the pages name."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import CORPUS
from tools import diagrams

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "development" / "adding.md"
_SECTION = re.compile(r"^## (?:A|An) (\w+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_DIFF = re.compile(r"^```diff\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_RUN = re.compile(r"`(pytest [^`]+|python -m [^`]+)`")


def sections() -> dict[str, str]:
    return dict(_SECTION.findall(PAGE.read_text("utf-8")))


def test_the_page_shows_each_kind_of_declaration() -> None:
    assert list(sections()) == ["provider", "check", "step", "rule"]


@pytest.mark.parametrize("kind", ["provider", "check", "step", "rule"])
def test_an_example_applies_and_passes_the_tests_that_the_page_names(
    kind: str, tmp_path: Path
) -> None:
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True,
    ).stdout  # fmt: skip
    for name in files.decode().split("\0")[:-1]:
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, target)
    text = sections()[kind]
    for diff in _DIFF.findall(text):
        subprocess.run(["git", "apply"], cwd=tmp_path, input=diff, text=True, check=True)
    environment = os.environ | {
        "PYTHONPATH": str(tmp_path / "src"), "RESEAL_CORPUS": str(CORPUS),
    }  # fmt: skip
    commands = _RUN.findall(text)
    assert any(one.startswith("pytest ") for one in commands)
    for command in commands:
        python = shlex.quote(sys.executable)
        line = re.sub("^python", python, re.sub("^pytest", f"{python} -m pytest -n0 -q", command))
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.parametrize("name", diagrams.PICTURES)
def test_a_picture_is_the_one_that_is_drawn(name: str) -> None:
    shown = (diagrams.FOLDER / name).read_text("utf-8")
    assert shown == diagrams.draw(diagrams.PICTURES[name])


@pytest.mark.parametrize("name", diagrams.PICTURES)
def test_a_picture_names_what_exists(name: str) -> None:
    for _, where, _ in diagrams.PICTURES[name]:
        for dotted in re.findall(r"reseal(?:\.\w+)+", where):
            path = ROOT / "src" / Path(*dotted.split("."))
            parent = path.parent.with_suffix(".py")
            assert path.is_dir() or path.with_suffix(".py").exists() or (
                parent.exists() and path.name in parent.read_text("utf-8")
            ), dotted  # fmt: skip
