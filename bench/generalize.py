"""`reseal generalize` compared with the floor: reading the same bytes through the same engine.

Both are whole processes on fresh copies of one sample image. They alternate, so that other load on the
machine affects both. The output has the medians and their ratio.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from reseal.testing.windows import windows

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNS = 9


def measure() -> Iterator[str]:
    """Yield the lines of the table."""
    reseal = str(Path(sys.executable).with_name("reseal"))
    with TemporaryDirectory() as folder:
        golden = Path(folder) / "golden.qcow2"
        windows(golden)
        image = Path(folder) / "image.qcow2"
        commands = {
            "reseal generalize": [reseal, "generalize", "--quiet", str(image)],
            "reading only (floor)": [sys.executable, "-m", "bench.floor", str(image)],
        }
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(RUNS):
            for name, command in commands.items():
                shutil.copyfile(golden, image)
                start = time.perf_counter()
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
                taken[name].append(time.perf_counter() - start)
    yield f"generalize, sample image, {RUNS} runs each, whole processes"
    for name, times in taken.items():
        median = statistics.median(times)
        yield f"  {name:<24} {median:7.3f} s  (min {min(times):.3f}, max {max(times):.3f})"
    first, floor = (statistics.median(times) for times in taken.values())
    yield f"  {'ratio':<24} {first / floor:7.2f}"
