"""Measure whole processes: processor time with all children, wall time, and peak memory, in turns.

Processor time is the sum over the process tree, so that other programs on the machine disturb it little. Peak
memory is that of the largest single process.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING

import reseal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

RESEAL = str(Path(sys.executable).with_name("reseal"))
_MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Usage:
    """What one run used: seconds of processor and wall time, and bytes of memory."""

    processor: float
    wall: float
    memory: int


def run(command: Sequence[str], codes: tuple[int, ...] = (0,)) -> Usage:
    """Run a command to its end, without output.

    Args:
        command: the program and its arguments.
        codes: exit codes that mean success.
    """
    start = time.perf_counter()
    null = subprocess.DEVNULL
    process = subprocess.Popen(
        [str(part) for part in command], stdin=null, stdout=null, stderr=null
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in codes:
        msg = f"{' '.join(command)} ended with {process.returncode}"
        raise RuntimeError(msg)
    return Usage(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024)


def in_turns(ways: Mapping[str, Callable[[], Usage]], runs: int) -> dict[str, Usage]:
    """Run each way several times, in turns; return the medians, and the highest memory."""
    taken: dict[str, list[Usage]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            taken[name].append(way())
    return {
        name: Usage(
            statistics.median(one.processor for one in usages),
            statistics.median(one.wall for one in usages),
            max(one.memory for one in usages),
        )
        for name, usages in taken.items()
    }


def lines(title: str, medians: Mapping[str, Usage]) -> Iterator[str]:
    """Yield the lines of a comparison: the first way is reseal, the others a floor or a peer."""
    yield title
    for name, one in medians.items():
        remark = f"({one.wall:.2f} s wall, {one.memory // _MEBIBYTE} MiB)"
        yield f"  {name:<32} {one.processor:8.3f} s  {remark}"
    first, *others = medians.values()
    for other in others:
        yield f"  {'ratio':<32} {first.processor / other.processor:8.2f}"


def require_bytecode() -> None:
    """End unless all modules are compiled; otherwise each measured process would compile them again."""
    root = Path(reseal.__file__).parent
    missing = [path for path in root.rglob("*.py") if not _is_compiled(path)]
    if missing:
        raise SystemExit(
            f"{len(missing)} modules of reseal are not compiled, so the times would be wrong. "
            f"Compile them: {sys.executable} -m compileall -q {root}"
        )


def _is_compiled(path: Path) -> bool:
    compiled = Path(cache_from_source(str(path)))
    if not compiled.exists():
        return False
    # The source's time and size, as Python compares them.
    header, status = compiled.read_bytes()[:16], path.stat()
    stamp = (int(status.st_mtime) & 0xFFFFFFFF).to_bytes(4, "little")
    return header[8:12] == stamp and header[12:16] == (status.st_size & 0xFFFFFFFF).to_bytes(
        4, "little"
    )
