"""Run every measurement, print it, and write the page on performance: `make bench`."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from bench import clone, fleet, generalize, regf, results, secure, sid, startup, verify, wim

PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "performance.md"
#: See `results` for the form of what each yields.
MEASUREMENTS = (
    *(one.measure for one in (generalize, secure, sid, clone, fleet, verify, wim, startup)),
    regf.lines,
)


def main() -> None:
    """Print every line as it comes, then write the page."""
    lines = []
    for measure in MEASUREMENTS:
        for line in measure():
            print(line, flush=True)
            lines.append(line)
    machine = f"Measured on {os.cpu_count()} processors, Linux, Python {platform.python_version()}."
    results.write(lines, PAGE, machine)


if __name__ == "__main__":
    main()
