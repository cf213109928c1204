"""A volume can be filled up to what it really has free, however its free clusters lie."""

from __future__ import annotations

import itertools
import random
import subprocess
from typing import TYPE_CHECKING

import pytest

from reseal.disk import FileDevice
from reseal.ntfs import Volume
from reseal.ntfs.clusters import Clusters
from reseal.process import run_tool
from reseal.tree import TreeError

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20


def make(path: Path, size: int, cluster: int) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
    command = ["mkntfs", "--force", "--quiet", "--quick", "--cluster-size", str(cluster)]
    layout = ["--sector-size", "512", "--partition-start", "0", "--heads", "255"]
    run_tool([*command, *layout, "--sectors-per-track", "63", str(path)])
    return path


def opened(path: Path, *, read_only: bool = False) -> Volume:
    return Volume.open(FileDevice(path, read_only=read_only), read_only=read_only, name="volume")


def free(path: Path) -> int:
    with opened(path, read_only=True) as volume:
        clusters = Clusters(volume)
        used = sum(size for _, size in clusters.extents(gap=0))
        return path.stat().st_size - used


def fragment(volume: Volume, size: int) -> None:
    """Fill a volume with files of many sizes, and delete every second."""
    numbers = random.Random(size)
    names = []
    for number in range(size // MIB):
        name = f"piece {number}"
        try:
            volume.create(name, b"p" * numbers.randrange(100_000, 900_000))
        except TreeError:
            break
        names.append(name)
    for name in names[::2]:
        volume.delete(name)


#: One of each in every run; `make judges` has all.
SOME = {
    *((60 * MIB, 4096, False, share) for share in (0.4, 0.7, 0.9, 0.97)),
    (60 * MIB, 4096, True, 0.9),
    (97 * MIB, 512, False, 0.7),
    (200 * MIB, 65536, False, 0.4),
    (120 * MIB, 16384, True, 0.97),
}
ALL = itertools.product(
    [
        (60 * MIB, 4096, False),
        (60 * MIB, 4096, True),
        (97 * MIB, 512, False),
        (200 * MIB, 4096, False),
        (200 * MIB, 65536, False),
        (120 * MIB, 16384, True),
    ],
    [0.4, 0.7, 0.9, 0.97],
)


@pytest.mark.parametrize(
    ("size", "cluster", "fragmented", "share"),
    [
        pytest.param(*volume, share, marks=() if (*volume, share) in SOME else pytest.mark.judges)
        for volume, share in ALL
    ],
)
def test_what_is_free_can_be_written(
    tmp_path: Path, size: int, cluster: int, fragmented: bool, share: float
) -> None:
    path = make(tmp_path / "volume", size, cluster)
    if fragmented:
        with opened(path) as volume:
            fragment(volume, size)
    wanted = int(free(path) * share)
    content = random.Random(wanted).randbytes(wanted)
    with opened(path) as volume:
        volume.create("large.bin", content)
    with opened(path, read_only=True) as volume:
        assert volume.read("large.bin") == content
    done = subprocess.run(
        ["ntfsfix", "--no-action", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_what_is_not_free_is_an_error(tmp_path: Path) -> None:
    path = make(tmp_path / "volume", 60 * MIB, 4096)
    wanted = free(path) + MIB
    with opened(path) as volume, pytest.raises(TreeError, match="no space is left"):
        volume.create("large.bin", b"x" * wanted)
