"""A fixed budget of the coverage-guided fuzzers, the same inputs every time; `make fuzz` for more."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

RUNS = 400


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
@pytest.mark.parametrize(
    "target",
    # Starting one takes longer than its runs: each module has one in every run of the suite.
    [
        "regf hive",
        pytest.param("regf replay", marks=pytest.mark.judges),
        pytest.param("regf reg", marks=pytest.mark.judges),
        "inf",
    ],
)
def test_no_input_of_the_budget_is_a_surprise(target: str, tmp_path: Path) -> None:
    module, *arguments = target.split()
    done = subprocess.run(
        [sys.executable, "-m", f"tests.fuzz.{module}", *arguments, f"-runs={RUNS}", "-seed=7",
         f"-artifact_prefix={tmp_path}/"],
        check=False, capture_output=True, text=True, cwd=Path(__file__).parents[2], timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"Done {RUNS} runs" in done.stderr
