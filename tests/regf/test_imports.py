"""To open a hive takes a process hardly longer than to start: what that must not import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import reseal

_CODE = "import sys, reseal.regf; print(*sys.modules)"


def test_the_engine_imports_nothing_slow() -> None:
    source = Path(reseal.__file__).parents[1]
    # -S: what the environment itself imports at its start is not ours.
    done = subprocess.run(
        [sys.executable, "-S", "-c", _CODE],
        env=os.environ | {"PYTHONPATH": str(source)},
        capture_output=True,
        check=True,
    )
    loaded = set(done.stdout.decode().split())
    assert "reseal.regf.hive" in loaded
    slow = {
        "collections",
        "contextlib",
        "dataclasses",
        "functools",
        "numpy",
        "pathlib",
        "re",
        "typing",
    }
    assert loaded & slow == set()
