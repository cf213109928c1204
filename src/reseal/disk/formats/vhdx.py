"""VHDX: Hyper-V's format (Microsoft's MS-VHDX, documented)."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from uuid import UUID

from reseal.disk.formats.header import ContainerFile, Header

MAGIC = b"vhdxfile"

_HEADER_OFFSETS = (0x10000, 0x20000)
_HEADER_SIZE = 4096
# signature, checksum, sequence number, file write id, data write id, log id
_HEADER = "<4sIQ16s16s16s"
_REGION_OFFSETS = (0x30000, 0x40000)
_REGION_BAT = UUID("2dc27766-f623-4200-9d64-115e9bfd4a08")
_REGION_METADATA = UUID("8b7ca206-4790-4b9a-b8fe-575f050f886e")

_ITEM_FILE_PARAMETERS = UUID("caa16737-fa36-4d43-b3b6-33f0aa44e76b")
_ITEM_DISK_SIZE = UUID("2fa54224-cd1b-4876-b211-5dbed83bf4b8")
_ITEM_SECTOR_SIZE = UUID("8141bf1d-a96f-4709-ba47-f233a8faab5f")
_LEAVE_ALLOCATED, _HAS_PARENT = 1, 2

_MEBIBYTE = 1 << 20
_BLOCK_SIZES = (_MEBIBYTE, 256 * _MEBIBYTE)
_MAX_DISK = 64 << 40
_STATE_FULLY_PRESENT = 6


def parse(file: ContainerFile) -> Header:
    """Read the headers of a VHDX image.

    Raises:
        DiskError: it is damaged, is a differencing disk, or has sectors of 4096 bytes, which QEMU
            does not support.
    """
    block_size, flags, size, sector = _geometry(file, _regions(file))
    if flags & _HAS_PARENT:
        raise file.refused(
            "it is a differencing VHDX, which QEMU does not support",
            hint="Merge it into its parent first (Merge-VHD in Hyper-V).",
        )
    if sector not in {512, 4096} or not 0 < size <= _MAX_DISK or size % sector:
        raise file.damaged(f"it claims a disk of {size} bytes in sectors of {sector}")
    if sector != 512:
        raise file.refused("it has sectors of 4096 bytes, which QEMU does not support")
    smallest, largest = _BLOCK_SIZES
    if not smallest <= block_size <= largest or block_size & (block_size - 1):
        raise file.damaged(f"it claims blocks of {block_size} bytes")
    return Header(
        format="vhdx",
        size=size,
        options={"driver": "vhdx"},
        create={
            "subformat": "fixed" if flags & _LEAVE_ALLOCATED else "dynamic",
            "block_size": str(block_size),
        },
    )


def require_whole(file: ContainerFile) -> None:
    """Check that the image was closed cleanly and that every block is in the file.

    Raises:
        DiskError: the file is truncated, or its log has to be replayed.
    """
    if _log_id(file) != bytes(16):
        raise file.refused(
            "it was not closed cleanly, and its log has to be replayed first",
            hint="Start and shut down the machine once, or run qemu-img check -r all on it.",
        )
    regions = _regions(file)
    block_size, _, size, sector = _geometry(file, regions)
    blocks = -(-size // block_size)
    chunk = (sector << 23) // block_size  # payload blocks between two bitmap blocks
    offset, region_size = regions[_REGION_BAT]
    entries = blocks + (blocks - 1) // chunk
    if entries * 8 > region_size:
        raise file.damaged("its block table is too short")
    table = array("Q", file.read(offset, entries * 8, "block table"))
    if last := max(_payload_offsets(table, chunk), default=0):
        file.require(last, block_size, "last block")


def _log_id(file: ContainerFile) -> bytes:
    """Return the log id of the current header: the valid one with the higher sequence number."""
    current: tuple[int, bytes] | None = None
    for offset in _HEADER_OFFSETS:
        header = bytearray(file.read(offset, _HEADER_SIZE, "header"))
        signature, checksum, sequence, _, _, log_id = struct.unpack_from(_HEADER, header)
        struct.pack_into("<I", header, 4, 0)
        if signature == b"head" and checksum == crc32c(header):
            current = max(current or (-1, b""), (sequence, log_id))
    if current is None:
        raise file.damaged("neither of its two headers is valid")
    return current[1]


def _regions(file: ContainerFile) -> dict[UUID, tuple[int, int]]:
    """Return (offset, size) of the regions by id."""
    for table in _REGION_OFFSETS:
        signature, _, count, _ = file.fields("<4sIII", table, "region table")
        if signature == b"regi" and count <= 2047:
            regions = {}
            for index in range(count):
                name, offset, size, _ = file.fields("<16sQII", table + 16 + 32 * index, "regions")
                regions[UUID(bytes_le=name)] = (offset, size)
            if _REGION_BAT in regions and _REGION_METADATA in regions:
                return regions
    raise file.damaged("its region table is missing")


def _geometry(
    file: ContainerFile, regions: dict[UUID, tuple[int, int]]
) -> tuple[int, int, int, int]:
    """Return block size, flags, disk size and sector size from the metadata."""
    items = _items(file, regions)
    block_size, flags = struct.unpack("<II", items[_ITEM_FILE_PARAMETERS][:8].ljust(8, b"\0"))
    (size,) = struct.unpack("<Q", items[_ITEM_DISK_SIZE][:8].ljust(8, b"\0"))
    (sector,) = struct.unpack("<I", items[_ITEM_SECTOR_SIZE][:4].ljust(4, b"\0"))
    return block_size, flags, size, sector


def _items(file: ContainerFile, regions: dict[UUID, tuple[int, int]]) -> dict[UUID, bytes]:
    """Return the metadata items by id."""
    start, _ = regions[_REGION_METADATA]
    signature, _, count = file.fields("<8sHH", start, "metadata table")
    if signature != b"metadata" or count > 2047:
        raise file.damaged("its metadata table is missing")
    items = {}
    for index in range(count):
        name, offset, size, _ = file.fields("<16sIII", start + 32 + 32 * index, "metadata table")
        if size <= _MEBIBYTE:
            items[UUID(bytes_le=name)] = file.read(start + offset, size, "metadata")
    if missing := {_ITEM_FILE_PARAMETERS, _ITEM_DISK_SIZE, _ITEM_SECTOR_SIZE} - items.keys():
        raise file.damaged(f"it lacks {len(missing)} of the metadata items that it must have")
    return items


def _payload_offsets(table: array[int], chunk: int) -> Iterator[int]:
    for index, entry in enumerate(table):
        if (index + 1) % (chunk + 1) and entry & 7 == _STATE_FULLY_PRESENT:
            yield entry >> 20 << 20


def _crc32c_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)  # noqa: PLW2901
        table.append(value)
    return table


_CRC32C = _crc32c_table()


def crc32c(data: bytes | bytearray) -> int:
    """Return the CRC-32C (Castagnoli) of `data`, which VHDX uses as its checksum."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC32C[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF
