"""A sample Windows as a disk image."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from reseal.disk import FileDevice
from reseal.ntfs import Volume
from reseal.testing.disks import convert, gpt_disk
from reseal.testing.machine import Machine, tree
from reseal.testing.volumes import ntfs_volume, populate

#: Basic data partition (documented: Microsoft, PARTITION_INFORMATION_GPT).
BASIC_DATA = "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7"
MEBIBYTE = 1 << 20

#: What qemu calls the format of a suffix.
_FORMATS = {
    ".qcow2": "qcow2",
    ".vhdx": "vhdx",
    ".vhd": "vpc",
    ".vmdk": "vmdk",
    ".vdi": "vdi",
    ".raw": "raw",
}


def windows(
    path: Path,
    machine: Machine | None = None,
    *,
    size: int = 96 * MEBIBYTE,
    partitioned: bool = True,
) -> Machine:
    """Make an image of a sample Windows; the format follows from the path's suffix.

    Args:
        path: where it goes: .qcow2, .vhdx, .vhd, .vmdk, .vdi or .raw.
        machine: what it is; None for a Windows 11 Pro.
        size: bytes of its volume.
        partitioned: whether the volume stands in a GPT disk.
    """
    machine = machine or Machine()
    with TemporaryDirectory(dir=path.parent) as folder:
        volume = Path(folder) / "volume"
        ntfs_volume(volume, size)
        opened = Volume.open(FileDevice(volume, read_only=False), read_only=False, name="sample")
        populate(opened, tree(machine))
        opened.close()
        disk = volume
        if partitioned:
            disk = Path(folder) / "disk"
            gpt_disk(disk, [(volume, BASIC_DATA, "Basic data partition")])
        convert(disk, path, _FORMATS[path.suffix])
    return machine
