"""Classify the volumes of a disk that can't be opened."""

from __future__ import annotations

from reseal.disk import Device, VolumeRange
from reseal.errors import ImageError
from reseal.fat import FatVolume, NotFatError

#: Partitions that Windows does not use for files, by GPT and MBR type: Microsoft reserved, BIOS boot, Linux
#: file systems, swap, LVM and RAID (documented: Microsoft; Discoverable Partitions Specification).
_NOT_OF_WINDOWS = frozenset({
    "e3c9e316-0b5c-4db8-817d-f92df00215ae",
    "21686148-6449-6e6f-744e-656564454649",
    "0fc63daf-8483-4772-8e79-3d69d8477de4",
    "4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
    "44479540-f297-41b2-9af7-d131d5f0458a",
    "bc13c2ff-59e6-4262-a352-b275fd6f7172",
    "933ac7e1-2eb4-4f13-b844-0e14e2aef915",
    "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f",
    "e6d6d379-f507-44c2-a23c-238f2a3df928",
    "a19d880f-05fc-4d3b-a006-743f0f84911e",
    "82", "83", "8e", "fd",
})  # fmt: skip
#: File system names at byte 3 of the first sector (ReFS: libyal, "Resilient File System"; exFAT: documented).
_NAMES = {b"ReFS": "ReFS", b"EXFAT": "exFAT", b"-FVE-FS-": "encrypted with BitLocker"}


def why(place: VolumeRange, device: Device) -> str | None:
    """Describe a volume that is not NTFS; None if it can't contain files of a Windows.

    Args:
        place: its entry in the partition table.
        device: the device that the volume fills.
    """
    if place.type in _NOT_OF_WINDOWS:
        return None
    if place.unsupported:
        return place.unsupported
    try:
        FatVolume.open(device, name=f"volume {place.number}").close()
    except NotFatError:
        pass
    except ImageError as error:
        return f"damaged ({error.message.rstrip('.')})"
    else:
        return None
    head = device.read(0, min(device.size, 512))[3:11]
    named = (name for start, name in _NAMES.items() if head.startswith(start))
    return next(named, "of an unknown format")
