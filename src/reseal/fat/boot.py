"""The boot sector of a FAT volume.

Layout and FAT type: documented (Microsoft, FAT32 File System Specification, version 1.03). FAT32 is
recognized by a 16-bit table size and a root entry count of zero, as in other implementations, because a
small volume can be formatted as FAT32. The number of clusters distinguishes FAT12 from FAT16.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from reseal.disk.device import Device
from reseal.fat.errors import FatError, NotFatError

SECTOR_SIZES = (512, 1024, 2048, 4096)
MAX_CLUSTER_SIZE = 256 << 10
ENTRY_SIZE = 32
#: The first two entries of the table do not describe clusters.
FIRST_CLUSTER = 2

_BOOT_SECTOR_SIZE = 512
_SIGNATURE = b"\x55\xaa"
# bytes per sector, sectors per cluster, reserved sectors, tables, entries of the root, sectors (16 bits),
# media, sectors of a table (16 bits), sectors (32 bits)
_COMMON = "<HBHBHHBH8xI"
# sectors of a table (32 bits), flags, version, first cluster of the root, sector of FSInfo
_FAT32 = "<IHHIH"
#: Flags of FAT32: with bit 7 set, only the table numbered in the low four bits is in use.
_ONE_TABLE, _TABLE_MASK = 0x80, 0x0F
_MAX_FAT12_CLUSTERS = 4084
_MAX_FAT16_CLUSTERS = 65524
_MAX_FAT32_CLUSTERS = 0x0FFFFFF5


@dataclass(frozen=True, slots=True)
class BootSector:
    """The geometry of a FAT volume; offsets and sizes in bytes.

    Attributes:
        bits: in an entry of the table: 12, 16 or 32.
        cluster_size: size of a cluster.
        clusters: number of clusters.
        tables: offsets of the tables in use; the first is the one to read.
        table_size: size of one table.
        data: offset of the first cluster.
        root: offset and size of the fixed root directory; None for FAT32.
        root_cluster: first cluster of the root directory of FAT32.
        info: offset of the FSInfo sector of FAT32; 0 if absent.
    """

    bits: int
    cluster_size: int
    clusters: int
    tables: tuple[int, ...]
    table_size: int
    data: int
    root: tuple[int, int] | None
    root_cluster: int
    info: int


# Complex: one condition for each rule of a boot sector, in the order of its fields.
def parse(sector: bytes, device_size: int, name: str) -> BootSector:
    """Decode and validate the boot sector of a volume.

    Args:
        sector: the first 512 bytes of the volume.
        device_size: size of the device in bytes.
        name: name of the volume in messages.

    Raises:
        NotFatError: the volume is not FAT.
        FatError: the volume is damaged or truncated.
    """
    fields = struct.unpack_from(_COMMON, sector, 11)
    sector_size, per_cluster, reserved, tables, entries, small, _, table16, large = fields
    cluster_size = sector_size * per_cluster
    if (
        sector[510:512] != _SIGNATURE
        or sector_size not in SECTOR_SIZES
        or not 0 < cluster_size <= MAX_CLUSTER_SIZE
        or cluster_size & (cluster_size - 1)
        or not reserved
        or tables not in {1, 2}
        or not (small or large)
    ):
        msg = f"{name} does not hold a FAT volume."
        raise NotFatError(msg)
    table32, flags, _, root_cluster, info = struct.unpack_from(_FAT32, sector, 36)
    is_fat32 = not table16 and not entries
    table_sectors = table32 if is_fat32 else table16
    root_size = -(-entries * ENTRY_SIZE // sector_size) * sector_size
    root = (reserved + tables * table_sectors) * sector_size
    size = (small or large) * sector_size
    data = root + root_size
    clusters = (size - data) // cluster_size
    limit = _MAX_FAT32_CLUSTERS if is_fat32 else _MAX_FAT16_CLUSTERS
    bits = 32 if is_fat32 else 12 if clusters <= _MAX_FAT12_CLUSTERS else 16
    if (
        not 0 < clusters <= limit
        or table_sectors * sector_size * 8 < (clusters + FIRST_CLUSTER) * bits
        or (is_fat32 and not FIRST_CLUSTER <= root_cluster < clusters + FIRST_CLUSTER)
        or (is_fat32 and flags & _ONE_TABLE and flags & _TABLE_MASK >= tables)
    ):
        msg = f"The boot sector of {name} is damaged: it describes an impossible FAT volume."
        raise FatError(msg)
    if size > device_size:
        msg = f"{name} is truncated: its FAT volume has {size} bytes, but the device only {device_size}."
        raise FatError(msg, "Copy the image again; its end is missing.")
    offsets = [(reserved + index * table_sectors) * sector_size for index in range(tables)]
    if is_fat32 and flags & _ONE_TABLE:
        offsets = [offsets[flags & _TABLE_MASK]]
    return BootSector(
        bits=bits,
        cluster_size=cluster_size,
        clusters=clusters,
        tables=tuple(offsets),
        table_size=table_sectors * sector_size,
        data=data,
        root=None if is_fat32 else (root, entries * ENTRY_SIZE),
        root_cluster=root_cluster if is_fat32 else 0,
        info=info * sector_size if is_fat32 and 0 < info < reserved else 0,
    )


def read(device: Device, name: str) -> BootSector:
    """Read and validate the boot sector of a device. Raises as `parse` does."""
    if device.size < _BOOT_SECTOR_SIZE:
        msg = f"{name} does not hold a FAT volume: it has only {device.size} bytes."
        raise NotFatError(msg)
    return parse(device.read(0, _BOOT_SECTOR_SIZE), device.size, name)
