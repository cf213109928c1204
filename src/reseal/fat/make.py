"""Create a FAT32 volume with files, using mkfs.vfat and mtools, without root."""

from __future__ import annotations

from collections.abc import Mapping

from reseal.disk.device import Device
from reseal.disk.pour import named, nameless, pour
from reseal.interruption import temporary_folder
from reseal.process import run_tool

_SECTOR = 512


def make(device: Device, files: Mapping[str, bytes], *, label: str, hidden_sectors: int) -> None:
    """Create a FAT32 volume with 512-byte sectors on an empty device.

    Args:
        device: the partition; writable, all zeros.
        files: content by path, with backslashes. The caller validates the paths: no part may be `..` or
            contain a slash.
        label: the volume label, up to 11 capital letters.
        hidden_sectors: number of sectors before the partition.

    Raises:
        EngineError: mkfs.vfat or mcopy is not installed.
        ImageError: one of them failed; for example, the files do not fit.
    """
    with temporary_folder() as tree, nameless(device.size) as volume:
        run_tool(
            [
                *("mkfs.vfat", "-F", "32", "-S", str(_SECTOR), "-h", str(hidden_sectors)),
                *("-n", label, named(volume)),
            ],
            pass_fds=[volume],
        )
        for path, data in files.items():
            place = tree.joinpath(*path.split("\\"))
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        tops = sorted(str(one) for one in tree.iterdir())
        run_tool(["mcopy", "-s", "-i", named(volume), *tops, "::/"], pass_fds=[volume])
        pour(volume, device)
