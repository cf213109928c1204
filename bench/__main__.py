"""Run and print all measurements, and update the performance page: `make bench`.

`python -m bench startup verify` runs only these, and does not change the page.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench import (
    bitlocker,
    clone,
    fleet,
    generalize,
    growth,
    machines,
    process,
    regf,
    rehearse,
    results,
    sandbox,
    secure,
    sid,
    startup,
    verify,
    wim,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "performance.md"
#: `results` describes the output format.
MEASUREMENTS = {
    one.__name__.rpartition(".")[2]: one.measure
    for one in (
        machines,
        growth,
        generalize,
        secure,
        sid,
        clone,
        fleet,
        verify,
        wim,
        bitlocker,
        startup,
        sandbox,
        rehearse,
    )
} | {"regf": regf.lines}


def _lines(names: list[str]) -> Iterator[str]:
    """Yield the output of measurements. Each runs in a separate process, to measure its memory."""
    for name in names:
        command = [sys.executable, "-m", "bench", name]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            yield from (line.rstrip("\n") for line in process.stdout)
        if process.returncode:
            raise SystemExit(process.returncode)


def main() -> None:
    """Print each line immediately; update the page if all measurements ran."""
    process.require_bytecode()
    chosen = sys.argv[1:]
    if len(chosen) == 1:
        for line in MEASUREMENTS[chosen[0]]():
            print(line, flush=True)
        return
    lines = []
    for line in _lines(chosen or list(MEASUREMENTS)):
        print(line, flush=True)
        lines.append(line)
    if not chosen:
        machine = (
            f"Measured on {os.cpu_count()} processors, Linux, Python {platform.python_version()}."
        )
        results.write(lines, PAGE, machine)


if __name__ == "__main__":
    main()
