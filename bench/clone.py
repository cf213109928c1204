"""Thin clones of the sample image, compared with `qemu-img create -b`, which creates an empty overlay.

Both are wall times for a hundred clones; the start of the first worker is reported separately. Memory is
the proportional set size (PSS) of the workers, their forks and servers.
"""

from __future__ import annotations

import statistics
import subprocess
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from reseal.clone import CloneOptions, clone
from tests.clone import machines

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNT = 100
_MEBIBYTE = 1 << 20


def measure() -> Iterator[str]:
    """Yield the lines of the table."""
    with TemporaryDirectory() as folder:
        golden = machines.golden(Path(folder) / "golden.qcow2")
        empty = _empty_overlays(golden)
        rows = [{"name": f"WS-{number:03}"} for number in range(COUNT)]
        lines = []
        for jobs in (1, 2):
            output = Path(folder) / f"fleet {jobs}"
            watch = _Memory()
            start = time.perf_counter()
            results, first = [], 0.0
            for result in clone(golden, rows, output, CloneOptions(jobs=jobs, sample=False)):
                first = first or time.perf_counter()
                results.append(result)
            end = time.perf_counter()
            peak = watch.stop()
            assert all(one.error is None for one in results)
            each = (end - first) / (COUNT - 1)
            inside = statistics.median(one.made["seconds"] for one in results)
            size = statistics.mean(one.entry.size or 0 for one in results)
            lines += [
                (
                    f"  {jobs} at a time              {each * 1000:7.1f} ms a clone, after "
                    f"{first - start:.2f} s for the first; in the worker {inside * 1000:.1f} ms"
                ),
                f"  ratio                    {each / empty:7.2f}",
                f"  memory                   {peak / _MEBIBYTE / jobs:7.1f} MiB per worker in total",
                f"  size                     {size / 1024:7.0f} KiB a clone",
            ]
        empty = (empty + _empty_overlays(golden)) / 2
    yield f"clone, sample image, {COUNT} thin clones"
    yield f"  qemu-img create -b (floor)  {empty * 1000:7.1f} ms"
    yield from lines


def _empty_overlays(golden: Path) -> float:
    """Return the time of one `qemu-img create -b` in seconds."""
    with TemporaryDirectory(dir=golden.parent) as folder:
        start = time.perf_counter()
        for number in range(COUNT):
            subprocess.run(
                ["qemu-img", "create", "-q", "-f", "qcow2", "-b", golden, "-F", "qcow2",
                 Path(folder) / f"{number}.qcow2"],
                check=True,
            )  # fmt: skip
        return (time.perf_counter() - start) / COUNT


class _Memory(threading.Thread):
    """Sample the memory of the workers and their child processes repeatedly."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._end = threading.Event()
        self._peak = 0
        self.start()

    def run(self) -> None:
        while not self._end.wait(0.2):
            self._peak = max(self._peak, sum(map(_share, _workers())))

    def stop(self) -> int:
        self._end.set()
        self.join()
        return self._peak


def _workers() -> set[int]:
    """Return the processes of workers and their child processes."""
    parents: dict[int, int] = {}
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parents[int(entry.name)] = int(
                (entry / "stat").read_text().rpartition(") ")[2].split()[1]
            )
            if b"reseal.clone.worker" in (entry / "cmdline").read_bytes():
                found.add(int(entry.name))
        except (OSError, ValueError):
            continue
    grown = True
    while grown:
        more = {process for process, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return found


def _share(process: int) -> int:
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in text.splitlines()
                 if line.startswith("Pss:")), 0)  # fmt: skip


if __name__ == "__main__":
    for line in measure():
        print(line)
