"""A layer of the sandbox that is missing is said once, and refused where it is required."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reseal import sandbox
from reseal.testing.machine import Machine
from reseal.testing.windows import windows
from tests.end_to_end import judges

RUNS = """
from reseal.errors import ResealError
from reseal.worker import run_worker
for number in range(3):
    try:
        print(run_worker(lambda _: number, subject="the image"))
    except ResealError as error:
        print(f"refused: {error}")
"""
#: What is left out, and what a warning calls it.
LEFT_OUT = {
    "landlock": sandbox.LANDLOCK,
    "namespaces": sandbox.NAMESPACES,
    "allow-list": sandbox.ALLOW_LIST,
    "seccomp": sandbox.REFUSALS,
}


def three_workers(**environment: str) -> tuple[list[str], list[str]]:
    """Run three workers in a process; return the lines of its output, and its warnings."""
    done = subprocess.run(
        [sys.executable, "-c", RUNS], env=os.environ | environment,
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.splitlines(), done.stderr.splitlines()


@pytest.mark.parametrize("name", LEFT_OUT)
def test_one_warning_names_what_is_missing(name: str) -> None:
    printed, warnings = three_workers(RESEAL_SANDBOX_WITHOUT=name)
    assert printed == ["0", "1", "2"]
    assert len(warnings) == 1
    assert warnings[0].startswith("Warning: The worker runs without ")
    assert LEFT_OUT[name] in warnings[0]
    assert "reseal doctor" in warnings[0]


@pytest.mark.parametrize("name", LEFT_OUT)
def test_a_worker_without_a_layer_is_refused_where_all_are_required(name: str) -> None:
    printed, _ = three_workers(RESEAL_SANDBOX_WITHOUT=name, RESEAL_REQUIRE_SANDBOX="1")
    assert len(printed) == 3
    for line in printed:
        assert line.startswith("refused: ")
        assert LEFT_OUT[name] in line
        assert "RESEAL_REQUIRE_SANDBOX" in line


def test_no_layer_is_required_with_0() -> None:
    printed, _ = three_workers(RESEAL_SANDBOX_WITHOUT="landlock", RESEAL_REQUIRE_SANDBOX="0")
    assert printed == ["0", "1", "2"]


def test_a_command_that_requires_a_missing_layer_leaves_the_image_as_it_was(tmp_path: Path) -> None:
    image = tmp_path / "sample.qcow2"
    windows(image, Machine(), size=48 << 20)
    before = image.read_bytes()
    missing = {"RESEAL_SANDBOX_WITHOUT": "landlock", "RESEAL_REQUIRE_SANDBOX": "1"}
    for command in (["inspect"], ["generalize"], ["customize", "--mkdir", r"C:\a"]):
        done = judges.reseal(command[0], image, *command[1:], env=os.environ | missing)
        assert done.returncode not in {0, 1}
        assert sandbox.LANDLOCK in done.stderr
        assert "Unset RESEAL_REQUIRE_SANDBOX" in done.stderr
    assert image.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == [image.name]
