"""`reseal --version` compared with an empty Python: the start-up time of all commands."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNS = 31
#: Maximum ratio of the command's time to an empty Python's.
LIMIT = 3.0


def ratio(runs: int = RUNS) -> tuple[float, float]:
    """Return the medians of both in seconds; the runs alternate."""
    reseal = str(Path(sys.executable).with_name("reseal"))
    commands = ([reseal, "--version"], [sys.executable, "-c", ""])
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for command, times in zip(commands, taken, strict=True):
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            times.append(time.perf_counter() - start)
    return statistics.median(taken[0]), statistics.median(taken[1])


def measure() -> Iterator[str]:
    """Yield the lines of the table."""
    ours, floor = ratio()
    yield f"start-up, {RUNS} runs each, whole processes"
    yield f"  {'reseal --version':<24} {ours:7.3f} s"
    yield f"  {'empty Python (floor)':<24} {floor:7.3f} s"
    yield f"  {'ratio':<24} {ours / floor:7.2f}  (limit {LIMIT:.0f})"
