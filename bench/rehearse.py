"""`reseal rehearse` compared with `reseal check` on the same images, whole processes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import images
from reseal.testing.drivers import with_storage
from reseal.testing.firmware import bootable
from reseal.testing.machine import Machine, _merged
from reseal.testing.windows import windows

RUNS = 9
#: Maximum ratio of a rehearsal's time to that of the checks.
LIMIT = 1.5


def _sample(folder: Path) -> Path:
    storage = with_storage()
    machine = Machine(
        files=_merged(bootable(), storage["files"]),
        system=storage["system"],
    )
    windows(folder / "image.raw", machine, firmware="uefi")
    return folder / "image.raw"


def _taken(image: Path, runs: int) -> tuple[float, float]:
    """Return the medians of a rehearsal and of the checks in seconds; the runs alternate."""
    reseal = str(Path(sys.executable).with_name("reseal"))
    taken: dict[str, list[float]] = {"rehearse": [], "check": []}
    for _ in range(runs):
        for name, times in taken.items():
            start = time.perf_counter()
            # The exit code says what was found.
            subprocess.run([reseal, name, str(image)], check=False, stdout=subprocess.DEVNULL)
            times.append(time.perf_counter() - start)
    return statistics.median(taken["rehearse"]), statistics.median(taken["check"])


def measure(runs: int = RUNS) -> Iterator[str]:
    """Yield the lines of the table."""
    with TemporaryDirectory() as folder:
        found = {"a sample": _sample(Path(folder))}
        if images.CORPUS.is_dir():
            found["real hives"] = images.real()
        for name, image in found.items():
            ours, other = _taken(image, runs)
            yield f"rehearse, {name}, {runs} runs each, whole processes"
            yield f"  {'reseal rehearse':<24} {ours:7.3f} s"
            yield f"  {'reseal check (floor)':<24} {other:7.3f} s"
            yield f"  {'ratio':<24} {ours / other:7.2f}  (limit {LIMIT})"
