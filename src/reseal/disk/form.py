"""What a new image becomes where its suffix alone does not say it: for the tool that takes it next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from reseal.disk.device import Device, DiskError
from reseal.disk.partitions import SECTOR, volumes
from reseal.disk.tables import rewrite

#: Packs a disk: gets its file, the archive or folder to make, and facts about the machine in it.
Pack: TypeAlias = Callable[[Path, Path, Mapping[str, Any]], None]

_GPT_MAGIC = b"EFI PART"


@dataclass(frozen=True, slots=True)
class Form:
    """What a new image becomes.

    Attributes:
        format: the format of the disk.
        create: options for `qemu-img convert`, which win over those of the source.
        limit: the largest disk, in bytes; None for no limit.
        unit: the size of the disk becomes a multiple of this, in bytes.
        pack: packs the disk into an archive or a folder, which becomes the output; None for a plain disk.
        inside: the name of the disk while it is packed.
    """

    format: str
    create: Mapping[str, str] = field(default_factory=dict)
    unit: int = SECTOR
    limit: int | None = None
    pack: Pack | None = None
    inside: str = "disk"

    def size_of(self, size: int) -> int:
        """Return the bytes of the new disk for one of `size` bytes.

        Raises:
            DiskError: it would be too large.
        """
        new = -(-size // self.unit) * self.unit
        if self.limit is not None and new > self.limit:
            raise DiskError(
                f"a disk of {new >> 30} GiB is too large there: at most {self.limit >> 30} GiB fit.",
                hint="Capture it into a WIM, and deploy that to a smaller disk.",
            )
        return new


def grow_table(device: Device, old_size: int) -> bool:
    """Move the second table of a GPT disk to the end of the disk, which has become larger.

    Args:
        device: the whole disk, as large as it is now.
        old_size: bytes that the disk had before.

    Returns:
        Whether there was a GPT.

    Raises:
        DiskError: the table is of a kind that reseal does not write.
    """
    ranges = volumes(device)
    if ranges[0].scheme != "gpt":
        return False
    rewrite(device, ranges)
    stale = old_size - SECTOR
    inside = any(one.offset <= stale < one.offset + one.size for one in ranges)
    if not inside and stale < device.size - SECTOR and device.read(stale, 8) == _GPT_MAGIC:
        device.write(stale, bytes(SECTOR))
    device.flush()
    return True


def require_small_sectors(device: Device, kind: str, subject: str) -> None:
    """Refuse a disk with sectors of 4096 bytes for a format in which QEMU writes only those of 512.

    A table that counts in sectors of 4096 bytes is not found where sectors have 512.

    Args:
        device: the whole disk.
        kind: the format of the new image.
        subject: the image in the error.

    Raises:
        DiskError: the disk has a GPT in sectors of 4096 bytes, and the format can't say so.
    """
    if kind in {"raw", "qcow2"} or device.size < 2 * 4096:
        return
    if device.read(SECTOR, 8) != _GPT_MAGIC and device.read(4096, 8) == _GPT_MAGIC:
        raise DiskError(
            f"{subject} has sectors of 4096 bytes, and QEMU writes a {kind.upper()} with sectors of 512,"
            " on which nothing would find the partitions. Nothing was changed.",
            hint="Name an output that ends in .qcow2 or .raw, which take any size of sectors.",
        )
