"""A thousand clones of the sample image, in a run that is killed halfway and repeated."""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.clone import machines
from tests.clone.machines import prove, record, table
from tests.end_to_end import judges

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNT = 1000


def measure(count: int = COUNT) -> Iterator[str]:
    """Yield the lines of the table. Raises AssertionError if a machine is wrong."""
    with TemporaryDirectory() as place:
        golden = machines.golden(Path(place) / "golden.qcow2")
        fleet = table(Path(place) / "fleet.csv", "name", *["*"] * count)
        folder = Path(place) / "fleet"
        command = [str(judges.RESEAL), "clone", str(golden), "--machines", str(fleet),
                   "--output-dir", str(folder), "--quiet"]  # fmt: skip
        start = time.perf_counter()
        first = subprocess.Popen(command)
        while first.poll() is None and len(list(folder.glob("*.qcow2"))) < count // 2:
            time.sleep(0.05)
        first.kill()
        first.wait()
        killed, there = time.perf_counter() - start, len(list(folder.glob("*.qcow2")))
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        again = time.perf_counter() - start
        entries = record(folder)
        assert len(entries) == count
        assert {entry["state"] for entry in entries} == {"made"}
        for name in ("computer_name", "machine_sid", "machine_guid"):
            assert len({entry["identity"][name] for entry in entries}) == count, name
        for entry in random.Random(time.time_ns()).sample(entries, 3):
            prove(entry, folder, Path(place) / f"look {entry['name']}")
        size = sum(path.stat().st_blocks * 512 for path in folder.glob("*.qcow2"))
    yield f"clone, sample image, {count} machines, killed in the middle"
    yield f"  killed after             {killed:7.1f} s, with {there} made"
    yield f"  done again               {again:7.1f} s, complete, all identities differ"
    yield f"  on the disk              {size / (1 << 20):7.1f} MiB; three of them proved by others"


if __name__ == "__main__":
    for line in measure():
        print(line)
