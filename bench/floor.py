"""The floors: only read what a command must read, with the same engines.

`python -m bench.floor IMAGE` reads the hives with their logs, `$Secure` and the action file, which generalize
and others read. `--allocated` reads all allocated clusters, which verify reads. Both use
qemu-storage-daemon, NBD and libntfs-3g, in a worker.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from reseal.disk import Image, Slice, connect
from reseal.disk.partitions import volumes
from reseal.ntfs import Volume, records
from reseal.worker import run_worker

if TYPE_CHECKING:
    from collections.abc import Callable

#: The record of `$Secure` in the MFT (documented).
SECURE = 9
HIVES = ("SYSTEM", "SOFTWARE", "SAM", "SECURITY", "DEFAULT")
_CONFIG = r"Windows\System32\config"
_ACTIONS = r"Windows\System32\Sysprep\ActionFiles\Generalize.xml"
_GAP, _BLOCK = 1 << 20, 4 << 20


def read(path: Path, work: Callable[[Volume], int]) -> int:
    """Open the volume of an image in a worker, and read; return the number of bytes."""
    with Image.open(path) as image, image.serve(None) as socket:

        def job(report: object) -> int:
            del report
            device = connect(socket, read_only=True)
            part = next(one for one in volumes(device))
            volume = Volume.open(
                Slice(device, part.offset, part.size), read_only=True, name=str(path)
            )
            total = work(volume)
            volume.close()
            device.close()
            return total

        result: int = run_worker(job, subject=str(path), on_message=None)
        return result


def files(volume: Volume) -> int:
    """Read the hives, their logs, `$Secure` and the action file."""
    hives = [rf"{_CONFIG}\{name}" for name in HIVES]
    hives += [rf"Users\{one.name}\NTUSER.DAT" for one in volume.list("Users") if one.is_directory]
    total = 0
    for hive in (*hives, _ACTIONS):
        for path in (hive, f"{hive}.LOG1", f"{hive}.LOG2"):
            if volume.stat(path) is not None:
                total += len(volume.read(path))
    with volume._mount.inode(SECURE, "$Secure") as inode:
        total += len(inode.read(records.DATA, "$SDS"))
    return total


def allocated(volume: Volume) -> int:
    """Read all allocated clusters, as a search does."""
    from reseal.ntfs.clusters import Clusters  # noqa: PLC0415  numpy is not needed for files

    total = 0
    for offset, size in Clusters(volume).extents(gap=_GAP):
        for start in range(offset, offset + size, _BLOCK):
            total += len(volume.device.read(start, min(_BLOCK, offset + size - start)))
    return total


if __name__ == "__main__":
    *option, image = sys.argv[1:]
    print(read(Path(image), allocated if option == ["--allocated"] else files))
