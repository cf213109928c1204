"""Capture and apply compared with wimlib-imagex; generalizing a WIM compared with separate steps.

All are whole processes on one sample volume of 1.2 GB, a tenth of a Windows, with a similar mix of many
small and some large files. They alternate, so that other load on the machine affects all. The output has
medians and their ratios. All times include writing to stable storage; wimlib-imagex needs a separate sync.
"""

from __future__ import annotations

import random
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from reseal.testing.machine import Machine
from reseal.testing.volumes import ntfs_volume
from reseal.testing.windows import windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RUNS = 3
MIB = 1 << 20
SIZE = 2048 * MIB
RESEAL = str(Path(sys.executable).with_name("reseal"))


def _content(source: random.Random, size: int) -> bytes:
    """Return bytes that compress to about half, as programs do."""
    words = [source.randbytes(6) for _ in range(400)]
    return b"".join(
        source.choice(words) if source.random() < 0.7 else source.randbytes(6)
        for _ in range(size // 6)
    )


def _files() -> dict[str, object]:
    source = random.Random(7)
    pool = _content(source, 8 * MIB)

    def part(size: int) -> bytes:
        start = source.randrange(len(pool) - size)
        return source.randbytes(16) + pool[start : start + size]

    large = {f"large{number}.dll": part(3 * MIB) for number in range(360)}
    small = {
        f"folder{folder}": {f"file{number}.txt": part(8000) for number in range(100)}
        for folder in range(120)
    }
    return {"Program Files": {"Large": large, "Small": small}}


def _run(*command: str | Path) -> None:
    subprocess.run(
        [str(part) for part in command],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _compare(title: str, ways: dict[str, Callable[[], None]]) -> Iterator[str]:
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(RUNS):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            taken[name].append(time.perf_counter() - start)
    yield f"{title}, {RUNS} runs each, whole processes, on stable storage"
    for name, times in taken.items():
        yield (
            f"  {name:<28} {statistics.median(times):7.2f} s  "
            f"(min {min(times):.2f}, max {max(times):.2f})"
        )
    first, second = (statistics.median(times) for times in taken.values())
    yield f"  {'ratio':<28} {first / second:7.2f}"


def measure() -> Iterator[str]:
    """Yield the lines of the tables."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        volume, wim, target = (folder / one for one in ("volume.raw", "x.wim", "target.raw"))
        windows(volume, Machine(files=_files()), size=SIZE, partitioned=False)

        def fresh() -> None:
            wim.unlink(missing_ok=True)

        for kind in ("xpress", "lzx"):

            def ours(kind: str = kind) -> None:
                fresh()
                _run(RESEAL, "capture", volume, wim, "--compress", kind, "--quiet")

            def theirs(kind: str = kind) -> None:
                fresh()
                _run("wimlib-imagex", "capture", volume, wim, f"--compress={kind}")
                _run("sync", wim)

            yield from _compare(
                f"capture, {kind}", {"reseal capture": ours, "wimlib-imagex capture (peer)": theirs}
            )
        fresh()
        _run(RESEAL, "capture", volume, wim, "--quiet")
        empty = folder / "empty.raw"
        ntfs_volume(empty, SIZE)

        def apply_ours() -> None:
            _run("cp", "--sparse=always", empty, target)
            _run(RESEAL, "apply", wim, target, "--quiet")

        def apply_theirs() -> None:
            _run("cp", "--sparse=always", empty, target)
            _run("wimlib-imagex", "apply", wim, "1", target)
            _run("sync", target)

        yield from _compare(
            "apply, lzx", {"reseal apply": apply_ours, "wimlib-imagex apply (peer)": apply_theirs}
        )
        image = folder / "image.wim"

        def generalize() -> None:
            shutil.copyfile(wim, image)
            _run(RESEAL, "generalize", image, "--quiet")

        def by_hand() -> None:
            shutil.copyfile(wim, image)
            _run("cp", "--sparse=always", empty, target)
            _run("wimlib-imagex", "apply", image, "1", target)
            _run(RESEAL, "generalize", target, "--quiet")
            # The fastest way with separate steps: unchanged files are reused from the old image.
            _run("wimlib-imagex", "append", target, image, "new", "--update-of=1")
            _run("wimlib-imagex", "delete", image, "1")
            _run("sync", image)

        yield from _compare(
            "generalize an image of a WIM",
            {"reseal generalize FILE.wim": generalize, "apply, generalize, append (peer)": by_hand},
        )


if __name__ == "__main__":
    for line in measure():
        print(line)
