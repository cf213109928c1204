"""Damaged volumes end in errors, whatever is damaged. RESEAL_FUZZ sets how many are tried."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from reseal.testing.volumes import WOF_XPRESS4K, File, Folder
from tests.ntfs.test_reading import JUNCTION, NOISE, SYMLINK, TEXT

SEEDS = int(os.environ.get("RESEAL_FUZZ", "40"))
#: A second is what one seed takes on a slow machine.
SECONDS = 60 + 2 * SEEDS


def test_damage_ends_in_errors(make: Callable[..., Path]) -> None:
    path = make(
        {
            "Windows": {"many": {f"file number {n}.dat": b"x" * n for n in range(60)}},
            "config": {"SYSTEM": NOISE, "SAM": b"x" * 100},
            "compressed.txt": File(TEXT, compressed=True),
            "streams.txt": File(b"main", streams={"one": b"1", "two": NOISE}),
            "wof.exe": File(hole=100_000, reparse=(0x80000017, WOF_XPRESS4K)),
            "junction": Folder(reparse=JUNCTION),
            "link.txt": File(reparse=SYMLINK),
        },
        size=4 << 20,
    )
    seed = 0
    while seed < SEEDS:
        ran = subprocess.run(
            [sys.executable, "-m", "tests.ntfs.fuzz", path, str(seed), str(SEEDS - seed)],
            check=False,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            cwd=Path(__file__).parents[2],
        )
        done = len(ran.stdout.splitlines())
        # The library may crash, which a worker process contains; reseal may not.
        assert ran.returncode <= 0, f"seed {seed + done}: {ran.stderr}"
        seed += max(done, 1)
