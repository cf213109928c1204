"""Build disks for tests: partition tables around volumes, and containers around disks."""

from __future__ import annotations

import os
import struct
import uuid
import zlib
from collections.abc import Sequence
from pathlib import Path

from reseal.deploy.boot_code import mbr
from reseal.process import run_tool

#: GPT partition types (documented by Microsoft).
BASIC_DATA = "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7"
EFI_SYSTEM = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
MICROSOFT_RESERVED = "e3c9e316-0b5c-4db8-817d-f92df00215ae"
RECOVERY = "de94bba4-06d1-4d40-a16a-bfd50179d6ac"
#: MBR partition type of NTFS.
MBR_NTFS = 0x07
#: Default signature of MBR disks.
SIGNATURE = 0x5EA15EA1

_MEBIBYTE = 1 << 20
_ENTRIES, _ENTRY_SIZE = 128, 128
_NAMESPACE = uuid.UUID("7b1b6ce6-51f2-4d3f-a1a1-6f2f6d0f5a52")


def gpt_disk(
    path: Path,
    partitions: Sequence[tuple[Path | int, str, str]],
    *,
    sector: int = 512,
) -> Path:
    """Build a raw, sparse disk with a GPT and partitions aligned to 1 MiB.

    Ids are derived from the names, so the same call builds the same disk.

    Args:
        path: the disk to write.
        partitions: (volume file or size in bytes, type id, name) of each partition.
        sector: bytes of a logical sector, 512 or 4096.
    """
    places = _place([content for content, _, _ in partitions])
    disk_size = _end(places) + _MEBIBYTE
    last = disk_size // sector - 1
    array_blocks = _ENTRIES * _ENTRY_SIZE // sector
    entries = bytearray(_ENTRIES * _ENTRY_SIZE)
    for index, ((start, size), (_, kind, name)) in enumerate(zip(places, partitions, strict=True)):
        struct.pack_into(
            "<16s16sQQQ72s",
            entries,
            index * _ENTRY_SIZE,
            uuid.UUID(kind).bytes_le,
            partition_id(index + 1, name).bytes_le,
            start // sector,
            (start + size) // sector - 1,
            0,
            name.encode("utf-16-le"),
        )

    def header(own: int, other: int, array: int) -> bytes:
        fields = [
            b"EFI PART",
            0x10000,
            92,
            0,
            own,
            other,
            2 + array_blocks,
            last - array_blocks - 1,
        ]
        fields += [disk_id(path).bytes_le, array, _ENTRIES, _ENTRY_SIZE]
        data = bytearray(struct.pack("<8sIII4xQQQQ16sQIII", *fields, zlib.crc32(entries)))
        struct.pack_into("<I", data, 16, zlib.crc32(data))
        return bytes(data)

    with path.open("wb") as disk:
        disk.truncate(disk_size)
        disk.write(_mbr([(0xEE, 1, min(last, 0xFFFFFFFF), False)], signature=0))
        for own, other, array in ((1, last, 2), (last, 1, last - array_blocks)):
            disk.seek(own * sector)
            disk.write(header(own, other, array))
            disk.seek(array * sector)
            disk.write(entries)
    _fill(path, places, [content for content, _, _ in partitions])
    return path


def disk_id(path: Path) -> uuid.UUID:
    """The id of a disk from `gpt_disk`."""
    return uuid.uuid5(_NAMESPACE, path.name)


def partition_id(number: int, name: str) -> uuid.UUID:
    """The id of a partition from `gpt_disk`, by its number, from 1, and name."""
    return uuid.uuid5(_NAMESPACE, f"{number - 1} {name}")


def mbr_disk(
    path: Path,
    partitions: Sequence[tuple[Path | int, int]],
    *,
    signature: int = SIGNATURE,
) -> Path:
    """Build a raw, sparse MBR disk with up to four primary partitions, the first one active.

    Args:
        path: the disk to write.
        partitions: (volume file or size in bytes, type) of each partition.
        signature: the disk signature.
    """
    places = _place([content for content, _ in partitions])
    rows = [
        (kind, start // 512, size // 512, index == 0)
        for index, ((start, size), (_, kind)) in enumerate(zip(places, partitions, strict=True))
    ]
    with path.open("wb") as disk:
        disk.truncate(_end(places))
        disk.write(_mbr(rows, signature))
    _fill(path, places, [content for content, _ in partitions])
    return path


def convert(raw: Path, target: Path, qemu_format: str, options: str = "") -> Path:
    """Convert a raw disk to another format with qemu-img, keeping its size.

    Args:
        raw: the disk.
        target: the image to write.
        qemu_format: qemu's name of the format ("vpc" for VHD).
        options: further options for `qemu-img convert -o`.
    """
    if qemu_format == "vpc" and "force_size" not in options:
        options = ",".join(filter(None, [options, "force_size=on"]))
    more = ["-o", options] if options else []
    # Tools don't run in the current folder, so that they need whole paths.
    paths = [str(one.absolute()) for one in (raw, target)]
    run_tool(["qemu-img", "convert", "-f", "raw", "-O", qemu_format, *more, *paths])
    return target


def _place(contents: Sequence[Path | int]) -> list[tuple[int, int]]:
    """Return (offset, size) of each partition."""
    places: list[tuple[int, int]] = []
    for content in contents:
        size = content if isinstance(content, int) else content.stat().st_size
        places.append((_end(places), -(-size // 4096) * 4096))
    return places


def _end(places: Sequence[tuple[int, int]]) -> int:
    offset, size = places[-1] if places else (0, _MEBIBYTE)
    return -(-(offset + size) // _MEBIBYTE) * _MEBIBYTE


def _mbr(rows: Sequence[tuple[int, int, int, bool]], signature: int) -> bytes:
    """Build a boot sector from (type, first sector, sectors, active) of each partition."""
    protective = any(kind == 0xEE for kind, *_ in rows)
    boot = bytearray((b"" if protective else mbr()).ljust(512, b"\0"))
    struct.pack_into("<I", boot, 440, signature)
    for index, (kind, first, sectors, active) in enumerate(rows):
        beyond = b"\xfe\xff\xff"  # obsolete cylinder, head and sector
        begin = b"\x00\x02\x00" if kind == 0xEE else beyond  # required by UEFI
        entry = (0x80 if active else 0, begin, kind, beyond, first, sectors)
        struct.pack_into("<B3sB3sII", boot, 446 + 16 * index, *entry)
    boot[510:] = b"\x55\xaa"
    return bytes(boot)


def _fill(disk: Path, places: Sequence[tuple[int, int]], contents: Sequence[Path | int]) -> None:
    """Copy the volumes into their partitions, preserving holes."""
    with disk.open("r+b") as target:
        for (offset, size), content in zip(places, contents, strict=True):
            if isinstance(content, Path):
                with content.open("rb") as source:
                    _copy_sparse(source.fileno(), target.fileno(), offset)
            _count_hidden_sectors(target.fileno(), offset, size)


def _count_hidden_sectors(disk: int, offset: int, size: int) -> None:
    """Write the number of sectors before a partition into its boot sector and the copy of that.

    Args:
        disk: descriptor of the disk.
        offset: first byte of the partition.
        size: bytes of the partition.
    """
    sector = os.pread(disk, 512, offset)
    if sector[3:11] == b"NTFS    ":
        copy = offset + size - 512
    elif sector[82:85] == b"FAT":
        copy = offset + 6 * int.from_bytes(sector[11:13], "little")
    else:
        return
    for place in (offset, copy):
        if os.pread(disk, 11, place)[3:] == sector[3:11]:
            os.pwrite(disk, struct.pack("<I", offset // 512), place + 28)


def _copy_sparse(source: int, target: int, offset: int) -> None:
    position, end = 0, os.fstat(source).st_size
    while position < end:
        try:
            position = os.lseek(source, position, os.SEEK_DATA)
        except OSError:  # only a hole remains
            return
        hole = os.lseek(source, position, os.SEEK_HOLE)
        while position < hole:
            data = os.pread(source, min(hole - position, _MEBIBYTE), position)
            os.pwrite(target, data, offset + position)
            position += len(data)
