"""An engine that crashes, hangs or is taken over ends as exit code 4, and the image is untouched."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reseal import sandbox

SCRIPT = Path(__file__).with_name("taken_over.py")
FEATURES = sandbox.features()
landlock = pytest.mark.skipif(not FEATURES["landlock"], reason="this kernel has no Landlock")
seccomp = pytest.mark.skipif(not FEATURES["seccomp"], reason="no filter for this processor")


@pytest.mark.parametrize(
    ("evil", "said"),
    [
        ("crash", "crashed (SIGSEGV)"),
        ("abort", "crashed (SIGABRT)"),
        ("loop", "did not finish"),
        ("bomb", "more memory than its limit"),
        ("lie", "invalid answer"),
        pytest.param("read_a_file_outside", "was refused", marks=landlock),
        pytest.param("write_the_image", "was refused", marks=landlock),
        pytest.param("connect", "was refused", marks=seccomp),
    ],
)
def test_an_engine_that_goes_wrong(
    evil: str, said: str, sample: Path, untouched: Callable[[Path], Callable[[], None]]
) -> None:
    (sample.parent / "secret").write_text("secret")
    check = untouched(sample)
    # Of those that end by themselves a busy machine takes more than a second of processor time.
    patience = "1" if evil == "loop" else "60"
    done = subprocess.run(
        [sys.executable, SCRIPT, evil, "generalize", sample, "--quiet"],
        check=False, capture_output=True, text=True, timeout=120,
        env=os.environ | {"RESEAL_WORKER_PATIENCE": patience, "RESEAL_WORKER_MEMORY": "512"},
    )  # fmt: skip
    assert done.returncode == 4, done.stderr
    assert said in done.stderr
    assert sample.name in done.stderr
    assert "not changed" in done.stderr
    assert "Traceback" not in done.stderr
    check()
