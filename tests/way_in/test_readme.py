"""The README, at the hand of somebody who has nothing else: every command that it shows is run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reseal.cli.examples import EXAMPLES
from reseal.testing.windows import windows

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
#: What stands for a file of the reader's own.
PLACEHOLDER = re.compile(r"\b(?:[A-Z]{4,}|N)\b|…")


def test_make_demo_prints_what_the_readme_says(tmp_path: Path) -> None:
    (shown,) = [text for _, text in BLOCKS if "$ reseal inspect" in text]
    done = subprocess.run(
        [sys.executable, "-m", "tools.demo"], cwd=tmp_path, capture_output=True, text=True,
        check=True, env=os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
    )  # fmt: skip
    assert [line for line in shown.splitlines() if line.startswith("$ ")] == [
        line for line in done.stdout.splitlines() if line.startswith("$ ")
    ][:2]
    # Sizes and times differ from machine to machine, and what is left out is marked with dots.
    times = re.compile(r"[\d.]+ (GiB|s)\b")
    said = times.sub("@", " ".join(done.stdout.split()))
    for output in re.split(r"^\$ .*$", shown, flags=re.MULTILINE):
        for part in times.sub("@", " ".join(output.split())).split("…"):
            assert part.strip() in said
    assert (tmp_path / "demo" / "report.html").exists()


def test_make_has_every_target_that_the_readme_names() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE))
    assert {"demo", "test", "docs"} <= named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("text", [text for language, text in BLOCKS if language == "python"])
def test_its_python_runs(
    text: str, new_stage: Callable[[], Path], environment: dict[str, str]
) -> None:
    folder = new_stage()
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=folder, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "None" in done.stdout or done.stdout.strip().isdigit()


def test_every_command_that_it_names_is_one_that_examples_run() -> None:
    named = re.findall(r"`reseal ([^`]+)`", " ".join(README.split()))
    assert len(named) > 15
    groups = {name.split()[0] for name in EXAMPLES if " " in name}
    for one in named:
        words = PLACEHOLDER.split(one)[0].split()
        command = " ".join(words[:2] if words[0] in groups else words[:1])
        assert command in EXAMPLES or command in groups, one


def test_its_table_of_commands_is_complete() -> None:
    listed = set(re.findall(r"^\| `reseal ([a-z]+)", README, re.MULTILINE))
    assert listed == {name.split()[0] for name in EXAMPLES}


def test_the_sample_that_it_speaks_of_is_the_one_of_the_tests(tmp_path: Path) -> None:
    image = tmp_path / "sample.qcow2"
    windows(image)
    assert shutil.which("qemu-img")
    assert image.stat().st_size < 64 << 20
