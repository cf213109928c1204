"""Run every measurement, print it, and write the page on performance: `make bench`.

`python -m bench startup verify` runs some of them, and leaves the page as it is.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from bench import clone, fleet, generalize, regf, results, secure, sid, startup, verify, wim

PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "performance.md"
#: See `results` for the form of what each yields.
MEASUREMENTS = {
    one.__name__.rpartition(".")[2]: one.measure
    for one in (generalize, secure, sid, clone, fleet, verify, wim, startup)
} | {"regf": regf.lines}


def main() -> None:
    """Print every line as it comes, then write the page."""
    chosen = sys.argv[1:] or list(MEASUREMENTS)
    lines = []
    for name in chosen:
        for line in MEASUREMENTS[name]():
            print(line, flush=True)
            lines.append(line)
    machine = f"Measured on {os.cpu_count()} processors, Linux, Python {platform.python_version()}."
    if chosen == list(MEASUREMENTS):
        results.write(lines, PAGE, machine)


if __name__ == "__main__":
    main()
