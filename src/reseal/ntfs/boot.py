"""The boot sector of an NTFS volume, validated before libntfs-3g opens the volume.

Layout: documented (the BIOS parameter block of NTFS).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from reseal.bitlocker.header import is_encrypted
from reseal.disk.device import Device
from reseal.ntfs.errors import BitLockerError, NotNtfsError, TruncatedError, VolumeError

BOOT_SECTOR_SIZE = 512
OEM_NAME = slice(3, 11)
NTFS = b"NTFS    "

#: Limits of what Windows formats or mounts; each size is a power of two.
SECTOR_SIZES = (512, 1024, 2048, 4096)
MAX_CLUSTER_SIZE = 2 << 20
RECORD_SIZES = (512, 1024, 2048, 4096)
MAX_INDEX_BLOCK_SIZE = 64 << 10


@dataclass(frozen=True, slots=True)
class BootSector:
    """The geometry of an NTFS volume.

    Attributes:
        sector_size: bytes.
        cluster_size: bytes.
        size: bytes in the volume, without the backup boot sector after its end.
        mft: byte offset of $MFT.
        mft_mirror: byte offset of $MFTMirr.
        record_size: bytes in a file record.
        index_block_size: bytes in an index block.
        serial: the volume serial number, 64 bits; Windows shows the lower half.
    """

    sector_size: int
    cluster_size: int
    size: int
    mft: int
    mft_mirror: int
    record_size: int
    index_block_size: int
    serial: int


def _scaled(value: int, unit: int) -> int:
    """Decode a size: a count of units or, if negative, the exponent of a power of two in bytes."""
    return value * unit if value >= 0 else 1 << min(-value, 40)


def parse(sector: bytes, device_size: int, name: str) -> BootSector:
    """Decode and validate the boot sector of a volume.

    Args:
        sector: the first 512 bytes of the volume.
        device_size: size of the device in bytes.
        name: name of the volume in messages.

    Raises:
        BitLockerError: the volume is encrypted.
        NotNtfsError: the volume is not NTFS.
        VolumeError: the volume is damaged or truncated.
    """
    oem = sector[OEM_NAME]
    if is_encrypted(sector):
        msg = f"{name} is encrypted with BitLocker."
        raise BitLockerError(
            msg,
            hint="Decrypt it first: reseal decrypt IMAGE --output NEW; or in Windows (manage-bde -off).",
        )
    if oem != NTFS or sector[510:512] != b"\x55\xaa":
        msg = f"{name} does not hold an NTFS volume."
        raise NotNtfsError(msg)

    sector_size, per_cluster = struct.unpack_from("<HB", sector, 0x0B)
    sectors, mft, mirror = struct.unpack_from("<QQQ", sector, 0x28)
    record, index = struct.unpack_from("<b3xb", sector, 0x40)
    (serial,) = struct.unpack_from("<Q", sector, 0x48)
    # Clusters above 64 KiB are a negative power of two (seen in Windows 10 1709 and later).
    sectors_per_cluster = 1 << (256 - per_cluster) if per_cluster > 128 else per_cluster
    cluster_size = sector_size * sectors_per_cluster
    boot = BootSector(
        sector_size=sector_size,
        cluster_size=cluster_size,
        size=sectors * sector_size,
        mft=mft * cluster_size,
        mft_mirror=mirror * cluster_size,
        record_size=_scaled(record, cluster_size),
        index_block_size=_scaled(index, cluster_size),
        serial=serial,
    )
    if (
        sector_size not in SECTOR_SIZES
        or not 0 < cluster_size <= MAX_CLUSTER_SIZE
        or cluster_size & (cluster_size - 1)
        or boot.record_size not in RECORD_SIZES
        or not 512 <= boot.index_block_size <= MAX_INDEX_BLOCK_SIZE
        or boot.index_block_size & (boot.index_block_size - 1)
        or not 0 < boot.mft < boot.size
        or not 0 < boot.mft_mirror < boot.size
    ):
        msg = f"The boot sector of {name} is damaged: it describes an impossible NTFS volume."
        raise VolumeError(msg)
    if boot.size > device_size:
        msg = (
            f"{name} is truncated: its NTFS volume has {boot.size} bytes, "
            f"but the device only {device_size}."
        )
        raise TruncatedError(msg, hint="Copy the image again; its end is missing.")
    return boot


def read(device: Device, name: str) -> BootSector:
    """Read and validate the boot sector of a device. Raises as `parse` does."""
    if device.size < BOOT_SECTOR_SIZE:
        msg = f"{name} does not hold an NTFS volume: it has only {device.size} bytes."
        raise NotNtfsError(msg)
    return parse(device.read(0, BOOT_SECTOR_SIZE), device.size, name)
