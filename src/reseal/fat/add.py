"""Add files to a FAT volume, or format one that has none, with mkfs.vfat and mtools."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from reseal.disk.device import Device
from reseal.disk.pour import named, nameless
from reseal.fat.errors import NotFatError
from reseal.fat.volume import FatVolume
from reseal.process import run_tool

_CHUNK = 1 << 20
_SECTOR = 512


def add(device: Device, files: Mapping[str, bytes], *, label: str, hidden_sectors: int) -> bool:
    """Put files on a FAT volume; the others stay. A device without FAT is formatted first.

    Args:
        device: the partition; writable.
        files: content by path, with backslashes. The caller validates the paths.
        label: the label of a new volume.
        hidden_sectors: number of sectors before the partition, for a new volume.

    Returns:
        Whether the volume was formatted.

    Raises:
        EngineError: mkfs.vfat or mcopy is not installed.
        ImageError: the volume is damaged, or the files do not fit.
    """
    try:
        FatVolume.open(device, name=label)
        new = False
    except NotFatError:
        new = True
    with TemporaryDirectory(prefix="reseal-") as folder, nameless(device.size) as copy:
        if new:
            run_tool(
                [
                    *("mkfs.vfat", "-F", "32", "-S", str(_SECTOR), "-h", str(hidden_sectors)),
                    *("-n", label, named(copy)),
                ],
                pass_fds=[copy],
            )
        else:
            for position in range(0, device.size, _CHUNK):
                data = device.read(position, min(_CHUNK, device.size - position))
                if any(data):
                    os.pwrite(copy, data, position)
        tree = Path(folder)
        for path, content in files.items():
            place = tree.joinpath(*path.split("\\"))
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        tops = sorted(str(one) for one in tree.iterdir())
        run_tool(["mcopy", "-s", "-o", "-i", named(copy), *tops, "::/"], pass_fds=[copy])
        for position in range(0, device.size, _CHUNK):
            size = min(_CHUNK, device.size - position)
            wanted = os.pread(copy, size, position)
            if device.read(position, size) != wanted:
                device.write(position, wanted)
    return new
