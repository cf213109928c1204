"""A new FAT32 volume with files in it, made by mkfs.vfat and mtools, without root."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from reseal.disk.pour import named, nameless, pour
from reseal.process import run_tool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reseal.disk.device import Device

_SECTOR = 512


def make(device: Device, files: Mapping[str, bytes], *, label: str, hidden_sectors: int) -> None:
    """Make a FAT32 volume that fills an empty device, with sectors of 512 bytes.

    Args:
        device: the partition; writable, all zeros.
        files: path, separated by backslashes, to content. Names are the caller's to judge: no part may be
            `..` or hold a slash.
        label: the volume's name, up to 11 capital letters.
        hidden_sectors: sectors in front of the partition.

    Raises:
        EngineError: mkfs.vfat or mcopy is not installed.
        ImageError: one of them failed, as when the files do not fit.
    """
    with TemporaryDirectory(prefix="reseal-") as folder, nameless(device.size) as volume:
        tree = Path(folder)
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
