"""The floor for generalize: only read its hives, `$Secure` and action files.

They are read with the same engines: qemu-storage-daemon, NBD and libntfs-3g, in a worker.
"""

from __future__ import annotations

import sys
from pathlib import Path

from reseal.disk import Image, Slice, connect
from reseal.disk.partitions import volumes
from reseal.ntfs import Volume, records
from reseal.worker import run_worker

#: The record of `$Secure` in the MFT (documented).
SECURE = 9
HIVES = ("SYSTEM", "SOFTWARE", "SAM", "SECURITY", "DEFAULT")
FILES = (
    *(rf"Windows\System32\config\{name}" for name in HIVES),
    r"Users\Administrator\NTUSER.DAT",
    r"Windows\System32\Sysprep\ActionFiles\Generalize.xml",
)


def read(path: Path) -> int:
    """Read the files that generalize reads; return the number of bytes."""
    with Image.open(path) as image, image.serve(None) as socket:

        def work(report: object) -> int:
            del report
            device = connect(socket, read_only=True)
            part = next(one for one in volumes(device))
            volume = Volume.open(
                Slice(device, part.offset, part.size), read_only=True, name=str(path)
            )
            total = sum(len(volume.read(name)) for name in FILES)
            with volume._mount.inode(SECURE, "$Secure") as inode:
                total += len(inode.read(records.DATA, "$SDS"))
            volume.close()
            device.close()
            return total

        result: int = run_worker(work, subject=str(path), on_message=None)
        return result


if __name__ == "__main__":
    print(read(Path(sys.argv[1])))
