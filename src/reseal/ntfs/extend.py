r"""Extend an NTFS volume to fill a device that has grown.

These structures depend on the size of a volume (documented by the Linux-NTFS project): the boot sector
and its backup in the last sector of the partition; `$Bitmap`, one bit per cluster, padded with ones to
eight bytes; and the stream `$Bad` of `$BadClus`, one hole of the size of the volume. Only these change.
The new `$Bitmap` is one extent at the start of the new space.

ntfsresize does the same on a block device or raw file. For a container it would have to copy the whole
partition out and back in.
"""

from __future__ import annotations

import struct

from reseal.disk.device import Device
from reseal.ntfs import boot, records
from reseal.ntfs.errors import VolumeError
from reseal.ntfs.raw import RawVolume, Record
from reseal.ntfs.volume import Volume

_BITMAP, _BAD_CLUSTERS = 6, 8
_BAD_STREAM = "$Bad"
_HIDDEN_SECTORS, _TOTAL_SECTORS = 0x1C, 0x28
#: In a non-resident attribute: highest VCN, offset of the runs, three sizes.
_HIGHEST, _RUNS_AT, _SIZES = 24, 32, 40
_USED = 0x18


def extend(device: Device, name: str, *, hidden_sectors: int | None = None) -> int:
    """Extend a volume to fill its device.

    Args:
        device: the grown device, including the backup boot sector; writable.
        name: name of the volume in messages.
        hidden_sectors: number of sectors before the partition, for the boot sector; None keeps it.

    Returns:
        Bytes by which the volume grew; 0 if it already fills the device.

    Raises:
        NotNtfsError, BitLockerError, DirtyVolumeError, HibernatedError: the volume can't be changed.
        VolumeError: the volume is damaged, is larger than the device, has bad clusters, or the new space
            is too small for its `$Bitmap`.
    """
    with Volume.open(device, read_only=False, name=name) as volume:
        # The log could replay changes to clusters of the old $Bitmap.
        volume.reset_log()
    raw = RawVolume(device, name)
    old = raw.boot
    sectors = device.size // old.sector_size - 1
    clusters, before = (size // old.cluster_size for size in (sectors * old.sector_size, old.size))
    if clusters > before:
        # The old backup boot sector is overwritten by the new $Bitmap, or is in free space.
        device.write(old.size, bytes(old.sector_size))
        _extend_bitmap(device, raw, before, clusters)
        _extend_bad_clusters(raw, clusters)
        for offset, data in raw.record_writes():
            device.write(offset, data)
    else:
        sectors = old.size // old.sector_size
    _write_boot_sector(device, old, sectors, hidden_sectors)
    device.flush()
    Volume.open(device, read_only=True, name=name).close()
    return sectors * old.sector_size - old.size


def set_hidden_sectors(device: Device, count: int) -> None:
    """Set the number of sectors before the partition in the boot sector of a volume and its backup.

    Raises:
        NotNtfsError, BitLockerError, VolumeError: the device does not hold a readable NTFS volume.
    """
    old = boot.read(device, "volume")
    _write_boot_sector(device, old, old.size // old.sector_size, count)


def _extend_bitmap(device: Device, raw: RawVolume, before: int, clusters: int) -> None:
    unit = raw.boot.cluster_size
    value = raw.value(_BITMAP, records.DATA, "")
    size = -(-clusters // 64) * 8
    needed = -(-size // unit)
    if clusters - before < needed or not value.extents:
        msg = f"{raw.name} can't grow by less than {(needed + 1) * unit} bytes."
        raise VolumeError(msg, hint="Choose a larger size.")
    bits = bytearray(raw.read(value, 0, min(value.size, -(-before // 8))))
    bits += bytes(size - len(bits))
    _mark(bits, before, len(bits) * 8, used=False)
    for extent in value.extents:
        if extent.place is None:
            raise raw.damaged("$Bitmap has a hole")
        first = extent.place // unit
        _mark(bits, first, first + extent.length // unit, used=False)
    _mark(bits, before, before + needed, used=True)
    _mark(bits, clusters, len(bits) * 8, used=True)
    device.write(before * unit, bytes(bits).ljust(needed * unit, b"\0"))
    sizes = needed * unit, size, size
    _replace_runs(raw, _BITMAP, "", _run(needed, before), needed, sizes)


def _extend_bad_clusters(raw: RawVolume, clusters: int) -> None:
    value = raw.value(_BAD_CLUSTERS, records.DATA, _BAD_STREAM)
    if any(extent.place is not None for extent in value.extents):
        msg = f"{raw.name} has bad clusters, which a disk image should not have."
        raise VolumeError(msg, hint="Run chkdsk /b on the volume in Windows.")
    size = clusters * raw.boot.cluster_size
    # The initialized size stays none or all of it, as before.
    sizes = size, size, size if value.initialized else 0
    _replace_runs(raw, _BAD_CLUSTERS, _BAD_STREAM, _run(clusters, None), clusters, sizes)


def _mark(bits: bytearray, first: int, last: int, *, used: bool) -> None:
    """Set or clear the bits from `first` to `last` (exclusive)."""
    start, end = -(-first // 8), last // 8
    if start <= end:
        bits[start:end] = (b"\xff" if used else b"\0") * (end - start)
        edges = [*range(first, min(start * 8, last)), *range(max(end * 8, first), last)]
    else:
        edges = list(range(first, last))
    for bit in edges:
        if used:
            bits[bit // 8] |= 1 << bit % 8
        else:
            bits[bit // 8] &= ~(1 << bit % 8)


def _run(clusters: int, first: int | None) -> bytes:
    """Encode a run list of one run; `first` None for a hole."""
    count = _signed(clusters)
    place = b"" if first is None else _signed(first)
    return bytes([len(place) << 4 | len(count)]) + count + place + b"\0"


def _signed(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)


def _replace_runs(
    raw: RawVolume, number: int, name: str, runs: bytes, clusters: int, sizes: tuple[int, int, int]
) -> None:
    """Replace the runs and sizes (allocated, data, initialized) of a non-resident data attribute."""
    found = raw.attribute_records(number, records.DATA, name)
    if len(found) != 1 or not found[0][0].data[found[0][1] + 8]:
        raise raw.damaged(f"metadata file {number} has several attribute records")
    record, start, length = found[0]
    data = record.data
    (runs_at,) = struct.unpack_from("<H", data, start + _RUNS_AT)
    struct.pack_into("<Q", data, start + _HIGHEST, clusters - 1)
    struct.pack_into("<QQQ", data, start + _SIZES, *sizes)
    attribute = bytes(data[start : start + runs_at]) + runs
    attribute = attribute.ljust(-(-len(attribute) // 8) * 8, b"\0")
    _splice(raw, record, start, length, attribute)


def _splice(raw: RawVolume, record: Record, start: int, length: int, attribute: bytes) -> None:
    """Replace an attribute in a file record."""
    data = record.data
    (used,) = struct.unpack_from("<I", data, _USED)
    rest = bytes(data[start + length : used])
    new_used = start + len(attribute) + len(rest)
    if new_used > len(data):
        raise raw.damaged(f"file record {record.number} has no room")
    data[start:] = (attribute + rest).ljust(len(data) - start, b"\0")
    struct.pack_into("<I", data, start + 4, len(attribute))
    struct.pack_into("<I", data, _USED, new_used)
    record.changed = True


def _write_boot_sector(
    device: Device, old: boot.BootSector, sectors: int, hidden_sectors: int | None
) -> None:
    size = old.sector_size
    sector = bytearray(device.read(0, size))
    struct.pack_into("<Q", sector, _TOTAL_SECTORS, sectors)
    if hidden_sectors is not None and hidden_sectors < 1 << 32:
        struct.pack_into("<I", sector, _HIDDEN_SECTORS, hidden_sectors)
    device.write(0, bytes(sector))
    device.write(sectors * size, bytes(sector))
