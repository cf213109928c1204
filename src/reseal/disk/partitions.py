"""The volumes of a disk: GPT, MBR, or one volume without any partition table.

UEFI specification chapter 5 (GPT, documented); for MBR, what Windows and every other system does.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from uuid import UUID

from reseal.disk.device import Device, DiskError
from reseal.disk.joined import Joined

SECTOR = 512
#: Sizes of a logical sector that a GPT may count in; Windows knows no others.
_SECTOR_SIZES = (512, 4096)

# signature, revision, header size, header checksum, own and alternate block, first and last usable
# block, disk id, first block of the entries, number and size of the entries, their checksum
_GPT_HEADER = "<8sIII4xQQQQ16sQIII"
_GPT_MAGIC = b"EFI PART"
# type, id, first block, last block, attributes, name
_GPT_ENTRY = "<16s16sQQQ72s"
_GPT_MAX_ENTRIES = 1024  # 128 everywhere; Windows makes no more
_GPT_ENTRY_SIZES = (128, 256, 512, 1024, 2048, 4096)

_MBR_ENTRIES = 446
_MBR_ENTRY = "<B3xB3xII"  # status, type, first sector, sectors
_MBR_SIGNATURE = b"\x55\xaa"
_MBR_PROTECTIVE = 0xEE
_ACTIVE = 0x80
_MBR_EXTENDED = (0x05, 0x0F, 0x85)
_MAX_LOGICAL = 128
#: What is added to the numbers of volumes for each disk of a machine; no disk has so many.
_PER_DISK = 1000

#: Partitions that hold a part of something greater, which reseal does not put together.
_UNSUPPORTED = {
    "42": "a dynamic disk (LDM)",
    "5808c8aa-7e8f-42e0-85d2-e1e90434cfb3": "a dynamic disk (LDM metadata)",
    "af9b60a0-1431-4f62-bc68-3311714a69ad": "a dynamic disk (LDM data)",
    "e75caf8f-f680-4cee-afa3-b001e56efc2d": "a storage pool (Storage Spaces)",
}


@dataclass(frozen=True, slots=True)
class VolumeRange:
    """Where a volume lies on its disk.

    Attributes:
        number: as in the partition table, from 1; logical MBR partitions count from 5. On the second disk
            of a machine they count from 2001, on the third from 3001.
        offset: first byte.
        size: bytes.
        scheme: "gpt", "mbr", or "none" where the disk is one volume.
        type: the GPT type id, the MBR type as two hexadecimal digits; for a bare volume "ntfs",
            "bitlocker" or "fat".
        id: the GPT partition id, or `SIGNATURE-NN` for MBR; empty for a bare volume.
        name: the GPT partition name; empty elsewhere.
        disk: the GPT disk id, or the MBR signature as eight hexadecimal digits; empty for a bare
            volume.
        active: whether the MBR marks the partition as the one to boot from.
        attributes: the GPT attributes, 64 bits; 0 elsewhere.
        start: where its disk begins on the device; 0 for the first of several disks of one machine.
    """

    number: int
    offset: int
    size: int
    scheme: str
    type: str
    id: str = ""
    name: str = ""
    disk: str = ""
    active: bool = False
    attributes: int = 0
    start: int = 0

    @property
    def on_disk(self) -> int:
        """The first byte, counted from the start of its disk."""
        return self.offset - self.start

    @property
    def unsupported(self) -> str | None:
        """The larger unit that the partition belongs to; None for a plain volume."""
        return _UNSUPPORTED.get(self.type)


def volumes(device: Device) -> list[VolumeRange]:
    """Find the volumes of a disk, in the order of its partition table.

    Raises:
        DiskError: the partition table is damaged, or points beyond the end of the disk.
    """
    if isinstance(device, Joined):
        return [
            replace(one, number=_number(disk, one.number), offset=start + one.offset, start=start)
            for disk, start in enumerate(device.starts)
            for one in volumes(device.disks[disk])
        ]
    if device.size < SECTOR:
        raise DiskError(f"a disk of {device.size} bytes is too small to hold anything.")
    boot = device.read(0, SECTOR)
    # The boot sector of a volume ends like an MBR, with code where the table would be.
    if bare := _bare_volume(boot, device.size):
        return [bare]
    protective = _is_mbr(boot) and _MBR_PROTECTIVE in {kind for _, kind, _, _ in _entries(boot)}
    if protective or not boot.endswith(_MBR_SIGNATURE):
        found = _gpt(device)
        if found is None and protective:
            raise DiskError("the GPT is damaged, at the start of the disk and at its end.")
        if found is None:
            raise DiskError("the disk has no partition table.")
        return found
    if not _is_mbr(boot):
        raise DiskError("the disk's first sector is neither a partition table nor a volume.")
    return list(_mbr(device, boot))


def _number(disk: int, number: int) -> int:
    """Return the number of a volume on one of several disks, which count from 0."""
    if number > _PER_DISK:
        raise DiskError(f"a disk of a machine with several has a partition {number}.")
    return number + (disk + 1) * _PER_DISK if disk else number


def _bare_volume(boot: bytes, disk_size: int) -> VolumeRange | None:
    """Recognise a volume that begins with the disk."""
    oem = boot[3:11]
    if oem == b"-FVE-FS-":
        return VolumeRange(1, 0, disk_size, "none", "bitlocker")
    sector, cluster, reserved = struct.unpack_from("<HBH", boot, 11)
    plausible = sector in {512, 1024, 2048, 4096} and cluster != 0
    if oem == b"NTFS    " and plausible and reserved == 0:
        (sectors,) = struct.unpack_from("<Q", boot, 40)
        size = sectors * sector  # without the copy of the boot sector behind it
        _require_inside("the NTFS volume", 0, size, disk_size)
        return VolumeRange(1, 0, disk_size, "none", "ntfs") if size else None
    if plausible and reserved and (boot[54:57] == b"FAT" or boot[82:85] == b"FAT"):
        return VolumeRange(1, 0, disk_size, "none", "fat")
    return None


def _gpt(device: Device) -> list[VolumeRange] | None:
    """Read the GPT, or its copy at the end of the disk; None where neither is valid."""
    for sector in _SECTOR_SIZES:
        for block in (1, device.size // sector - 1):
            table = _gpt_table(device, block, sector)
            if table is not None:
                return table
    return None


def _gpt_table(device: Device, block: int, sector: int) -> list[VolumeRange] | None:
    """Read one of the two tables; None where it is not valid."""
    if (block + 1) * sector > device.size:
        return None
    header = bytearray(device.read(block * sector, sector))
    fields = struct.unpack_from(_GPT_HEADER, header)
    magic, _, header_size, checksum, own, _, _, _, disk, first, count, entry_size, entries_sum = (
        fields
    )
    if magic != _GPT_MAGIC or not 92 <= header_size <= sector or own != block:
        return None
    header[16:20] = bytes(4)
    if zlib.crc32(header[:header_size]) != checksum:
        return None
    if count > _GPT_MAX_ENTRIES or entry_size not in _GPT_ENTRY_SIZES:
        return None
    if first * sector + count * entry_size > device.size:
        return None
    entries = device.read(first * sector, count * entry_size)
    if zlib.crc32(entries) != entries_sum:
        return None
    return list(_gpt_volumes(entries, entry_size, sector, device.size, UUID(bytes_le=disk)))


def _gpt_volumes(
    entries: bytes, entry_size: int, sector: int, disk_size: int, disk: UUID
) -> Iterator[VolumeRange]:
    for index in range(len(entries) // entry_size):
        kind, name_id, first, last, attributes, name = struct.unpack_from(
            _GPT_ENTRY, entries, index * entry_size
        )
        if not any(kind):
            continue
        offset, size = first * sector, (last - first + 1) * sector
        if size <= 0:
            raise DiskError(f"the GPT is damaged: partition {index + 1} ends before it begins.")
        _require_inside(f"partition {index + 1}", offset, size, disk_size)
        yield VolumeRange(
            number=index + 1,
            offset=offset,
            size=size,
            scheme="gpt",
            type=str(UUID(bytes_le=kind)),
            id=str(UUID(bytes_le=name_id)),
            name=name.decode("utf-16-le", errors="replace").partition("\0")[0],
            disk=str(disk),
            attributes=attributes,
        )


def _entries(boot: bytes) -> list[tuple[int, int, int, int]]:
    """Return (status, type, first sector, sectors) of the four entries of an MBR."""
    table = boot[_MBR_ENTRIES : _MBR_ENTRIES + 64]
    return [tuple(entry) for entry in struct.iter_unpack(_MBR_ENTRY, table)]


def _is_mbr(boot: bytes) -> bool:
    """Tell whether a sector is a partition table: status bytes have two values only."""
    return boot.endswith(_MBR_SIGNATURE) and all(
        entry[0] in {0, _ACTIVE} for entry in _entries(boot)
    )


def _mbr(device: Device, boot: bytes) -> Iterator[VolumeRange]:
    signature = struct.unpack_from("<I", boot, 440)[0]
    extended: list[tuple[int, int]] = []
    for index, (status, kind, first, sectors) in enumerate(_entries(boot)):
        if kind in _MBR_EXTENDED and sectors:
            extended.append((first, sectors))
        elif kind and sectors:
            place = first, sectors
            yield _mbr_volume(device, index + 1, kind, place, signature, active=status == _ACTIVE)
    number = 5
    for start, sectors in extended[:1]:  # Windows and Linux know one extended partition
        _require_inside("the extended partition", start * SECTOR, sectors * SECTOR, device.size)
        for kind, first, length in _logical(device, start):
            yield _mbr_volume(device, number, kind, (first, length), signature)
            number += 1


def _logical(device: Device, start: int) -> Iterator[tuple[int, int, int]]:
    """Follow the chain of tables in an extended partition.

    Yields:
        (type, first sector on the disk, sectors) of each logical partition.
    """
    table, seen = start, set[int]()
    while True:
        if table in seen or len(seen) >= _MAX_LOGICAL:
            raise DiskError("the partition table is damaged: its logical partitions run in a loop.")
        seen.add(table)
        _require_inside("a logical partition", table * SECTOR, SECTOR, device.size)
        sector = device.read(table * SECTOR, SECTOR)
        if not sector.endswith(_MBR_SIGNATURE):
            raise DiskError(
                "the partition table is damaged: a logical partition's table is missing."
            )
        following = None
        for _, kind, first, sectors in _entries(sector):
            if kind in _MBR_EXTENDED and sectors:
                following = following or start + first
            elif kind and sectors:
                yield kind, table + first, sectors
        if following is None:
            return
        table = following


def _mbr_volume(
    device: Device,
    number: int,
    kind: int,
    sectors: tuple[int, int],
    signature: int,
    *,
    active: bool = False,
) -> VolumeRange:
    offset, size = (each * SECTOR for each in sectors)
    _require_inside(f"partition {number}", offset, size, device.size)
    name_id = f"{signature:08x}-{number:02x}"
    return VolumeRange(
        number=number,
        offset=offset,
        size=size,
        scheme="mbr",
        type=f"{kind:02x}",
        id=name_id,
        disk=f"{signature:08x}",
        active=active,
    )


def _require_inside(what: str, offset: int, size: int, disk_size: int) -> None:
    if offset + size > disk_size:
        raise DiskError(
            f"{what} should end at byte {offset + size} of a disk that ends at {disk_size}: the"
            " image is truncated.",
            hint="Copy the image again from where it came from.",
        )
