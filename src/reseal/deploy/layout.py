"""The partitions of a new disk, as Microsoft documents them for UEFI and for BIOS.

| firmware | partition | size | type |
|---|---|---|---|
| UEFI (GPT) | EFI system, FAT32 | 260 MiB (documented: 200 MB at least; 260 with sectors of 4 KiB) | C12A7328-… |
| | Microsoft reserved | 16 MiB (documented) | E3C9E316-… |
| | Windows, NTFS | the rest | EBD0A0A2-… |
| | recovery, NTFS | 1 GiB (documented: 300 MB at least, with free space for updates), hidden and required | DE94BBA4-… |
| BIOS (MBR) | system, NTFS, active | 100 MiB (documented: 100 MB at least) | 07 |
| | Windows, NTFS | the rest | 07 |
| | recovery, NTFS | 1 GiB | 27 |

Source: Microsoft, "UEFI/GPT-based hard drive partitions" and "BIOS/MBR-based hard drive partitions". The
recovery partition directly follows Windows, so that Windows can replace it when it grows (documented
there). Every partition begins at a multiple of 1 MiB, as in Windows itself (seen).
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID, uuid4

from reseal.bcd.devices import Device as BootDevice
from reseal.bcd.devices import GptPartition, MbrPartition
from reseal.disk import Device
from reseal.disk.partitions import SECTOR, VolumeRange
from reseal.disk.tables import GPT_END, write_gpt, write_mbr
from reseal.errors import UsageError

MEBIBYTE = 1 << 20
_GIBIBYTE = 1 << 30

EFI_SYSTEM = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
RESERVED = "e3c9e316-0b5c-4db8-817d-f92df00215ae"
BASIC_DATA = "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7"
RECOVERY = "de94bba4-06d1-4d40-a16a-bfd50179d6ac"
MBR_NTFS, MBR_RECOVERY = "07", "27"
#: No drive letter, and required by the platform (documented for recovery partitions).
RECOVERY_ATTRIBUTES = 0x8000000000000001

_EFI_SIZE = 260 * MEBIBYTE
_RESERVED_SIZE = 16 * MEBIBYTE
_SYSTEM_SIZE = 100 * MEBIBYTE
_RECOVERY_SIZE = _GIBIBYTE
#: No Windows fits into less, and mkntfs makes no smaller volume.
_SMALLEST_WINDOWS = 16 * MEBIBYTE
#: The bytes that a 32-bit number of sectors can address.
MBR_LIMIT = 2 << 40


class Firmware(StrEnum):
    """The firmware that starts the disk."""

    UEFI = "uefi"
    BIOS = "bios"


@dataclass(frozen=True, slots=True)
class Layout:
    """The partitions of a disk.

    Attributes:
        firmware: the firmware that starts the disk.
        disk: the GPT disk id, or the MBR signature.
        partitions: place by role (`system`, `reserved`, `windows`, `recovery`), in the order of the disk.
    """

    firmware: Firmware
    disk: UUID | int
    partitions: dict[str, VolumeRange]

    @property
    def system(self) -> VolumeRange:
        """The partition that the firmware starts from."""
        return self.partitions["system"]

    @property
    def windows(self) -> VolumeRange:
        """The partition that holds Windows."""
        return self.partitions["windows"]

    @property
    def recovery(self) -> VolumeRange | None:
        """The partition that holds the recovery environment."""
        return self.partitions.get("recovery")

    def write(self, device: Device) -> None:
        """Write the partition table."""
        ranges = list(self.partitions.values())
        if isinstance(self.disk, UUID):
            write_gpt(device, self.disk, ranges)
        else:
            write_mbr(device, self.disk, ranges)


def boot_device(place: VolumeRange) -> BootDevice:
    """Return a partition in the form in which a boot store names it."""
    if place.scheme == "gpt":
        return GptPartition(UUID(place.id), UUID(place.disk))
    return MbrPartition(place.offset, int(place.disk, 16))


def plan(size: int, firmware: Firmware, *, recovery: bool, needed: int = 0) -> Layout:
    """Lay out a disk.

    Args:
        size: bytes of the disk, a multiple of 1 MiB.
        firmware: the firmware that starts it.
        recovery: whether it gets a recovery partition.
        needed: minimum bytes of the Windows partition.

    Raises:
        UsageError: the disk is too small, or too large for an MBR.
    """
    if firmware is Firmware.BIOS and size > MBR_LIMIT:
        msg = f"A disk of {size >> 30} GiB is too large for BIOS: an MBR ends at 2 TiB."
        raise UsageError(msg, "Choose --firmware uefi, or a smaller --size.")
    first = (
        [("system", _EFI_SIZE, EFI_SYSTEM), ("reserved", _RESERVED_SIZE, RESERVED)]
        if firmware is Firmware.UEFI
        else [("system", _SYSTEM_SIZE, MBR_NTFS)]
    )
    end = (size - GPT_END if firmware is Firmware.UEFI else size) // MEBIBYTE * MEBIBYTE
    last = _RECOVERY_SIZE if recovery else 0
    start = MEBIBYTE + sum(one[1] for one in first)
    needed = -(-max(needed, _SMALLEST_WINDOWS) // MEBIBYTE) * MEBIBYTE
    if end - last - start < needed:
        least = start + needed + last + MEBIBYTE
        msg = f"A disk of {size >> 20} MiB is too small: this Windows needs {least >> 20} MiB."
        raise UsageError(msg, f"Choose --size {least >> 20}M or more.")
    gpt = firmware is Firmware.UEFI
    rows = [*first, ("windows", end - last - start, BASIC_DATA if gpt else MBR_NTFS)]
    if recovery:
        rows.append(("recovery", last, RECOVERY if gpt else MBR_RECOVERY))
    disk: UUID | int = uuid4() if gpt else secrets.randbelow(0xFFFFFFFF) + 1
    return Layout(firmware, disk, _placed(rows, disk))


_NAMES = {
    "system": "EFI system partition",
    "reserved": "Microsoft reserved partition",
    "windows": "Basic data partition",
    "recovery": "Basic data partition",
}


def _placed(rows: list[tuple[str, int, str]], disk: UUID | int) -> dict[str, VolumeRange]:
    placed, offset = {}, MEBIBYTE
    for number, (role, size, kind) in enumerate(rows, 1):
        gpt = isinstance(disk, UUID)
        placed[role] = VolumeRange(
            number=number,
            offset=offset,
            size=size,
            scheme="gpt" if gpt else "mbr",
            type=kind,
            id=str(uuid4()) if gpt else f"{disk:08x}-{number:02x}",
            name=_NAMES[role] if gpt else "",
            disk=str(disk) if gpt else f"{disk:08x}",
            active=not gpt and role == "system",
            attributes=RECOVERY_ATTRIBUTES if gpt and role == "recovery" else 0,
        )
        offset += size
    return placed


def hidden_sectors(place: VolumeRange) -> int:
    """Return the number of sectors before a partition."""
    return place.offset // SECTOR
