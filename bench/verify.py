"""The search of `reseal verify` compared with reading the same clusters through the same engine.

The volume has additional files of random bytes, so that the search takes measurable time. Both are wall
times in one worker, in alternation.
"""

from __future__ import annotations

import random
import resource
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from reseal.ntfs.clusters import Clusters
from reseal.proof.identity import MachineIdentity
from reseal.proof.search import search
from reseal.proof.volume import BLOCK
from reseal.run import read
from reseal.testing.machine import Machine
from reseal.testing.windows import windows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.run.opening import Found

RUNS = 5
FILES, FILE_SIZE = 24, 32 << 20
_MEBIBYTE = 1 << 20


def _machine() -> Machine:
    chance = random.Random(8)
    files: dict[str, Any] = {
        f"{number}.bin": chance.randbytes(FILE_SIZE) for number in range(FILES)
    }
    return Machine(files={"Data": files})


def _read_only(found: Found) -> int:
    """Read the same data as the search, without searching it."""
    volume = found.volume
    assert volume is not None
    total = 0
    for offset, size in Clusters(volume).extents(gap=_MEBIBYTE):
        for start in range(offset, offset + size, BLOCK):
            total += len(volume.device.read(start, min(BLOCK, offset + size - start)))
    return total


def _job(found: list[Found]) -> dict[str, Any]:
    (one,) = found
    identity = MachineIdentity.of(one.installation, one.place)
    taken: dict[str, list[float]] = {"search": [], "read": []}
    _read_only(one)  # warm the host's cache for both
    size = 0
    for _ in range(RUNS):
        start = time.perf_counter()
        size = _read_only(one)
        taken["read"].append(time.perf_counter() - start)
        start = time.perf_counter()
        search(one, identity)
        taken["search"].append(time.perf_counter() - start)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"size": size, "taken": taken, "memory": memory}


def measure() -> Iterator[str]:
    """Yield the lines of the table."""
    with TemporaryDirectory() as folder:
        image = Path(folder) / "image.raw"
        windows(image, _machine(), size=FILES * FILE_SIZE + 128 * _MEBIBYTE)
        result = read(image, _job)
    size = result["size"] / _MEBIBYTE
    ours, floor = (statistics.median(result["taken"][name]) for name in ("search", "read"))
    yield f"verify, search of {size:.0f} MiB, {RUNS} runs each, one worker"
    yield f"  {'search':<24} {ours:7.3f} s  ({size / ours:.0f} MiB/s)"
    yield f"  {'reading only (floor)':<24} {floor:7.3f} s  ({size / floor:.0f} MiB/s)"
    yield f"  {'ratio':<24} {ours / floor:7.2f}"
    yield f"  {'memory of the worker':<24} {result['memory'] / _MEBIBYTE:7.0f} MiB"


if __name__ == "__main__":
    for line in measure():
        print(line)
