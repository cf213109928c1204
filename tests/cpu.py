"""CPU time of programs, which says the same on a busy machine."""

from __future__ import annotations

import resource
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_RUNS = 5
_EMPTY = "import click; click.command()(lambda: None)(['--help'])"


def cpu_time(*arguments: str | Path) -> float:
    """Return the least CPU time of several runs of a program, in seconds."""
    times = []
    for _ in range(_RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(arguments, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times)


@cache
def empty_program() -> float:
    """Return the CPU time of a program of click's that does nothing, in seconds."""
    return cpu_time(sys.executable, "-c", _EMPTY)
