"""Writing partition tables, GPT (UEFI specification, chapter 5: documented) and MBR.

The ranges that `reseal.disk.partitions.volumes` reads are what is written here: read, change, write.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from uuid import UUID

from reseal.disk.device import Device, DiskError
from reseal.disk.partitions import SECTOR, VolumeRange

#: Bytes at both ends of a GPT disk that the tables take: header and 128 entries of 128 bytes, before
#: them at the start the protective MBR.
GPT_START = 34 * SECTOR
GPT_END = 33 * SECTOR

_ENTRIES, _ENTRY_SIZE = 128, 128
_ENTRY = struct.Struct("<16s16sQQQ72s")
_HEADER = struct.Struct("<8sIII4xQQQQ16sQIII")
_GPT_MAGIC = b"EFI PART"
_REVISION, _HEADER_SIZE = 0x10000, 92
_NAME_UNITS = 36

_SIGNATURE, _TABLE, _END = 440, 446, 510
_MBR_ENTRY = struct.Struct("<B3sB3sII")
_PRIMARY = 4
_ACTIVE = 0x80
_PROTECTIVE = 0xEE
#: Cylinder, head and sector beyond what they can count: only the sector numbers hold.
_BEYOND = b"\xfe\xff\xff"
#: Where a protective MBR's only entry begins (UEFI 2.10, table 5.4); OpenStack refuses anything else.
_SECOND_SECTOR = b"\x00\x02\x00"
_MAX_SECTORS = 0xFFFFFFFF


def rewrite(device: Device, ranges: Sequence[VolumeRange]) -> None:
    """Write a disk's table again, for the disk as large as it is now; ids stay, and so does boot code.

    Args:
        device: the whole disk, with a table of its own.
        ranges: what `volumes` read from it, changed.

    Raises:
        DiskError: the table holds what `ranges` can't say (an extended partition, a hybrid MBR, sectors
            of 4 KiB), or a partition does not fit.
    """
    sector = device.read(0, SECTOR)
    kinds = [sector[_TABLE + 16 * index + 4] for index in range(_PRIMARY)]
    if ranges[0].scheme == "gpt":
        if device.read(SECTOR, 8) != _GPT_MAGIC or [kind for kind in kinds if kind] != [
            _PROTECTIVE
        ]:
            raise DiskError("the partition table is of a kind that reseal does not write.")
        write_gpt(device, UUID(ranges[0].disk), ranges)
        return
    if sum(map(bool, kinds)) != len(ranges):
        raise DiskError("the disk has an extended partition, which reseal does not write.")
    write_mbr(device, int(ranges[0].disk, 16), ranges)


def write_gpt(device: Device, disk: UUID, ranges: Sequence[VolumeRange]) -> None:
    """Write both tables of a GPT disk with sectors of 512 bytes, and the protective MBR.

    The boot code of the MBR stays.

    Args:
        device: the whole disk.
        disk: its id.
        ranges: its partitions; number, type, id, name, attributes and place of each count.

    Raises:
        DiskError: a partition overlaps another or one of the tables.
    """
    _require_apart(ranges, GPT_START, device.size - GPT_END)
    entries = bytearray(_ENTRIES * _ENTRY_SIZE)
    for one in ranges:
        _ENTRY.pack_into(
            entries,
            (one.number - 1) * _ENTRY_SIZE,
            UUID(one.type).bytes_le,
            UUID(one.id).bytes_le,
            one.offset // SECTOR,
            (one.offset + one.size) // SECTOR - 1,
            one.attributes,
            one.name[:_NAME_UNITS].encode("utf-16-le"),
        )
    last = device.size // SECTOR - 1
    array = len(entries) // SECTOR
    _write_mbr(device, 0, [(1, 0, _PROTECTIVE, 1, min(last, _MAX_SECTORS))])
    for own, other, first in ((1, last, 2), (last, 1, last - array)):
        device.write(first * SECTOR, bytes(entries))
        device.write(own * SECTOR, _header(own, other, first, last, disk, zlib.crc32(entries)))


def write_mbr(device: Device, signature: int, ranges: Sequence[VolumeRange]) -> None:
    """Write the table of an MBR disk with primary partitions. Its boot code stays.

    Args:
        device: the whole disk.
        signature: the disk's 32-bit signature.
        ranges: the partitions; offsets and sizes in bytes.

    Raises:
        DiskError: a partition overlaps another or the table, is not a primary one, or lies beyond
            2 TiB.
    """
    _require_apart(ranges, SECTOR, min(device.size, _MAX_SECTORS * SECTOR))
    _write_mbr(
        device,
        signature,
        [
            (
                one.number,
                _ACTIVE if one.active else 0,
                int(one.type, 16),
                one.offset // SECTOR,
                one.size // SECTOR,
            )
            for one in ranges
        ],
    )


def write_boot_code(device: Device, code: bytes) -> None:
    """Put code in front of a disk's signature and partition table."""
    if len(code) > _SIGNATURE:
        raise DiskError(f"boot code of {len(code)} bytes does not fit in front of the signature.")
    device.write(0, code.ljust(_SIGNATURE, b"\0"))


def _header(own: int, other: int, first: int, last: int, disk: UUID, checksum: int) -> bytes:
    array = _ENTRIES * _ENTRY_SIZE // SECTOR
    usable = 2 + array, last - array - 1
    fields = (own, other, *usable, disk.bytes_le, first, _ENTRIES, _ENTRY_SIZE, checksum)
    plain = _HEADER.pack(_GPT_MAGIC, _REVISION, _HEADER_SIZE, 0, *fields)
    summed = (_GPT_MAGIC, _REVISION, _HEADER_SIZE, zlib.crc32(plain), *fields)
    return _HEADER.pack(*summed).ljust(SECTOR, b"\0")


def _write_mbr(
    device: Device, signature: int, rows: Sequence[tuple[int, int, int, int, int]]
) -> None:
    """Write (number, status, type, first sector, sectors) of each partition."""
    sector = bytearray(device.read(0, SECTOR))
    sector[_SIGNATURE:] = struct.pack("<I", signature).ljust(SECTOR - _SIGNATURE, b"\0")
    for number, status, kind, first, count in rows:
        place = _TABLE + (number - 1) * _MBR_ENTRY.size
        begin = _SECOND_SECTOR if kind == _PROTECTIVE else _BEYOND
        _MBR_ENTRY.pack_into(sector, place, status, begin, kind, _BEYOND, first, count)
    sector[_END:] = b"\x55\xaa"
    device.write(0, bytes(sector))


def _require_apart(ranges: Sequence[VolumeRange], start: int, end: int) -> None:
    limit = _ENTRIES if start > SECTOR else _PRIMARY
    for one in sorted(ranges, key=lambda each: each.offset):
        if one.offset < start or one.offset + one.size > end or not 1 <= one.number <= limit:
            raise DiskError(f"partition {one.number} does not fit on the disk.")
        start = one.offset + one.size
