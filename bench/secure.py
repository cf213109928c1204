"""A new SID in 60,000 distinct descriptors: patching `$Secure` compared with reading it."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from reseal.disk.device import FileDevice
from reseal.ntfs import Volume, secure
from reseal.testing.volumes import ntfs_volume
from tests.ntfs.sddl import descriptor

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNT = 60_000
OLD = "S-1-5-21-1004336348-1177238915-682003330"
NUMBERS = bytes.fromhex("15000000dcf4dc3b833d2b46828ba628")
NEW = bytes.fromhex("15000000dcf4dc3b833d2b46828ba629")


def measure() -> Iterator[str]:
    """Yield the lines of the table."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "volume.raw"
        ntfs_volume(path, 512 << 20)
        device = FileDevice(path, read_only=False)
        with Volume.open(device, read_only=False, name="volume") as volume:
            volume.create("file")
            for number in range(COUNT):
                volume.set_descriptor(
                    "file", descriptor(f"O:{OLD}-{number}G:SYD:(A;;FA;;;{OLD}-513)(A;;FA;;;SY)")
                )
        start = time.perf_counter()
        secure.descriptors(device, "volume")
        reading = time.perf_counter() - start
        start = time.perf_counter()
        patch = secure.replacing(device, NUMBERS, NEW, "volume")
        patch.apply(device)
        patching = time.perf_counter() - start
        device.close()
        audit = subprocess.run(
            ["ntfssecaudit", "-a", path], check=False, capture_output=True, text=True
        )
    yield f"$Secure, {patch.changed} of {patch.descriptors} distinct descriptors changed"
    yield f"  patched                  {patching:7.3f} s"
    yield f"  only read (floor)        {reading:7.3f} s"
    yield f"  ntfssecaudit             {(audit.stdout.strip().splitlines() or ['crashed'])[-1]}"
