"""Which parts of a volume are encrypted: all of it, up to a mark, or by a map of chunks.

Windows 7 converts from the front and keeps a mark. Windows 8 and later "encrypt on write": a map records
for each chunk whether it is encrypted. Layout of the map: reported (libbde, dissect.fve); reseal uses it
only if every checksum in it is right. A rest smaller than a chunk may follow the last region; reseal
treats it as encrypted (inferred).
"""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from reseal.bitlocker.errors import MetadataError
from reseal.bitlocker.header import Header
from reseal.bitlocker.metadata import (
    CONVERTING,
    DECRYPTED,
    ENCRYPTED,
    INTERRUPTED,
    PAUSED,
    Metadata,
)
from reseal.disk.device import Device

# signature, sizes of the head and of all, logical and physical sector, chunk, log, unknown, regions,
# checksum, both copies
_MAP = struct.Struct("<8sHHIIIIIII2Q")
_MAP_SIGNATURE, _MAP_CHECKSUM = b"FVE-EOW\0", 36
# signature, size of the head, size, unknown, region, its size, its log, two records, their size, checksum
_REGION = struct.Struct("<10sHIIQQQ2III")
_REGION_SIGNATURE, _REGION_CHECKSUM = b"FVE-EOWBM\0", 56
# signature, size of the head, size, bits, sequence, flags, checksum
_RECORD = struct.Struct("<10sHIIQII")
_RECORD_SIGNATURE, _RECORD_CHECKSUM = b"FVE-EOWBR\0", 32

#: A map has a bit for each chunk, so this bounds its size: 32 MiB for a TiB.
_MIN_CHUNK, _MAX_CHUNK = 4 << 10, 256 << 20
_MAX_MAP = 64 << 10
_MAX_BITMAP = 64 << 20

Range = tuple[int, int]


class Conversion(Protocol):
    """Tells encrypted parts of a volume from plain ones."""

    @property
    def reserved(self) -> tuple[Range, ...]:
        """BitLocker's own ranges: byte offsets and sizes."""
        ...

    def parts(self, offset: int, size: int) -> Iterator[tuple[int, bool]]:
        """Split a range at its boundaries: yield sizes, and whether each part is encrypted."""
        ...

    def encrypted_bytes(self) -> int:
        """Return how much of the volume is encrypted."""
        ...


@dataclass(frozen=True, slots=True)
class UpTo:
    """A volume that is encrypted from its start up to a mark."""

    mark: int
    reserved: tuple[Range, ...] = ()

    def parts(self, offset: int, size: int) -> Iterator[tuple[int, bool]]:
        """Split a range at the mark."""
        coded = max(0, min(self.mark - offset, size))
        if coded:
            yield coded, True
        if size - coded:
            yield size - coded, False

    def encrypted_bytes(self) -> int:
        """Return how much of the volume is encrypted."""
        return self.mark


@dataclass(frozen=True, slots=True)
class _Region:
    """A part of the volume with a bit for each chunk, set if it is encrypted."""

    offset: int
    size: int
    bits: bytes

    def encrypted(self, chunk: int) -> bool:
        return bool(self.bits[chunk >> 3] >> (chunk & 7) & 1)


class Chunks:
    """A volume whose map says which chunks are encrypted."""

    def __init__(self, chunk: int, regions: list[_Region], reserved: list[Range]) -> None:
        self._chunk = chunk
        self._regions = regions
        self._starts = [one.offset for one in regions]
        self.reserved = tuple(reserved)

    def parts(self, offset: int, size: int) -> Iterator[tuple[int, bool]]:
        """Split a range at the chunks where it changes."""
        end, length, state = offset + size, 0, False
        while offset < end:
            until, encrypted = self._at(offset)
            until = min(until, end)
            if length and encrypted != state:
                yield length, state
                length = 0
            state = encrypted
            length += until - offset
            offset = until
        if length:
            yield length, state

    def encrypted_bytes(self) -> int:
        """Return how much of the volume is encrypted."""
        return sum(
            min(int.from_bytes(one.bits, "little").bit_count() * self._chunk, one.size)
            for one in self._regions
        )

    def _at(self, offset: int) -> tuple[int, bool]:
        """Return the end of the chunk at an offset, and whether it is encrypted."""
        region = self._regions[bisect_right(self._starts, offset) - 1]
        chunk = (offset - region.offset) // self._chunk
        if offset >= region.offset + region.size:
            return offset + self._chunk, True
        end = region.offset + min((chunk + 1) * self._chunk, region.size)
        return end, region.encrypted(chunk)


def conversion(device: Device, found: Header, metadata: Metadata, name: str) -> Conversion:
    """Return how far a volume is encrypted.

    Args:
        device: the encrypted volume.
        found: its header.
        metadata: BitLocker's metadata of the volume.
        name: the volume's name in errors.

    Raises:
        MetadataError: the metadata doesn't say, or Windows was interrupted while it moved data.
    """
    state, mark = metadata.state, metadata.watermark
    if state == INTERRUPTED or metadata.log_size:
        raise MetadataError(
            f"BitLocker was interrupted while it converted {name}, so some of its data is in a "
            "log that reseal can't read. Nothing was changed.",
            "Start Windows, let the conversion finish (manage-bde -status), and shut it down.",
        )
    if state == DECRYPTED:
        return UpTo(0)
    if state not in {PAUSED, ENCRYPTED, CONVERTING}:
        raise MetadataError(f"BitLocker's metadata of {name} has the unknown state {state}.")
    if found.encrypt_on_write:
        return _chunks(device, found, name)
    if state != ENCRYPTED and not mark:
        raise MetadataError(
            f"BitLocker is converting {name}, and its metadata doesn't say how far. Nothing was changed.",
            "Start Windows, let the conversion finish (manage-bde -status), and shut it down.",
        )
    return UpTo(min(mark, device.size) if mark else device.size)


def _chunks(device: Device, found: Header, name: str) -> Chunks:
    """Read the map of a volume that is encrypted as it is written, from its first valid copy."""
    reasons = []
    for place in found.encrypt_on_write:
        try:
            return _map(device, found, place)
        except MetadataError as error:
            reasons.append(error.message)
    raise MetadataError(
        f'{name} is "encrypted on write", and no copy of the map of encrypted parts can be '
        f"read: {'; '.join(reasons)}. Nothing was changed.",
        "Start Windows, let the conversion finish (manage-bde -status), and shut it down.",
    )


@dataclass(frozen=True, slots=True)
class _Head:
    """The header of a map: sizes of a chunk and of a log, offsets of both copies and of the regions."""

    size: int
    chunk: int
    log_size: int
    copies: tuple[int, ...]
    regions: tuple[int, ...]


def _map(device: Device, found: Header, place: int) -> Chunks:
    """Read the map at an offset, with everything that it points to."""
    head, unit = _head(device, found, place), found.sector_size
    regions: list[_Region] = []
    reserved = [(one, _round(head.size, unit)) for one in head.copies]
    end = 0
    for at in head.regions:
        region, own_size, log = _region(device, at, head.chunk)
        if region.offset != end:
            raise MetadataError(f"the one at byte {place} leaves a part of the volume out")
        end += region.size
        regions.append(region)
        reserved.append((at, _round(own_size, unit)))
        if head.log_size and log:
            reserved.append((log, _round(head.log_size, unit)))
    if end + head.chunk <= device.size:
        raise MetadataError(f"the one at byte {place} ends before the volume")
    for start, length in reserved:
        if start < unit or start + length > device.size or start % unit:
            raise MetadataError(f"the one at byte {place} points outside the volume")
    return Chunks(head.chunk, regions, reserved)


def _head(device: Device, found: Header, place: int) -> _Head:
    raw = _piece(device, place, _MAP.size)
    signature, head_size, size, _, _, chunk, log_size, _, _, checksum, *copies = _MAP.unpack(raw)
    if signature != _MAP_SIGNATURE:
        raise MetadataError(f"there is none at byte {place}")
    if not _MAP.size <= head_size <= size <= _MAX_MAP or (size - head_size) % 8:
        raise MetadataError(f"the one at byte {place} has impossible sizes")
    if chunk & (chunk - 1) or not max(_MIN_CHUNK, found.sector_size) <= chunk <= _MAX_CHUNK:
        raise MetadataError(f"the one at byte {place} has chunks of {chunk} bytes")
    data = _piece(device, place, size)
    if _checksum(data, _MAP_CHECKSUM) != checksum:
        raise MetadataError(f"the one at byte {place} has a wrong checksum")
    regions = tuple(at for (at,) in struct.iter_unpack("<Q", data[head_size:]))
    if not regions:
        raise MetadataError(f"the one at byte {place} has no regions")
    return _Head(size, chunk, log_size, tuple(copies), regions)


def _region(device: Device, place: int, chunk: int) -> tuple[_Region, int, int]:
    """Return the map of one region, the bytes that it occupies, and the place of its log."""
    fields = _REGION.unpack(_piece(device, place, _REGION.size))
    signature, head_size, size, _, offset, length, log, first, second, _, checksum = fields
    if signature != _REGION_SIGNATURE:
        raise MetadataError(f"a part of it is missing at byte {place}")
    if not _REGION.size <= head_size <= first < second < size <= _MAX_BITMAP or not length:
        raise MetadataError(f"the part at byte {place} has impossible sizes")
    if _checksum(_piece(device, place, first), _REGION_CHECKSUM) != checksum:
        raise MetadataError(f"the part at byte {place} has a wrong checksum")
    data = _piece(device, place, size)
    newest: tuple[int, bytes] | None = None
    for at in (first, second):
        record = _record(data[at:], -(-length // chunk))
        if record and (newest is None or record[0] > newest[0]):
            newest = record
    if newest is None:
        raise MetadataError(f"the part at byte {place} has no valid record")
    return _Region(offset, length, newest[1]), size, log


def _record(data: bytes, chunks: int) -> tuple[int, bytes] | None:
    """Return the sequence number and the bits of a record; None if it is damaged."""
    if len(data) < _RECORD.size:
        return None
    signature, head_size, size, bits, sequence, _, checksum = _RECORD.unpack_from(data)
    if signature != _RECORD_SIGNATURE or not _RECORD.size <= head_size <= size <= len(data):
        return None
    if _checksum(data[:size], _RECORD_CHECKSUM) != checksum:
        return None
    if bits < chunks or (size - head_size) * 8 < chunks:
        return None
    return sequence, data[head_size : head_size + -(-chunks // 8)]


def _piece(device: Device, place: int, size: int) -> bytes:
    if place + size > device.size:
        raise MetadataError(f"a part of it should lie at byte {place}, outside the volume")
    return device.read(place, size)


def _checksum(data: bytes, at: int) -> int:
    """Return the checksum of a structure, with its own checksum field as zero."""
    return zlib.crc32(data[:at] + bytes(4) + data[at + 4 :])


def _round(size: int, unit: int) -> int:
    return -(-size // unit) * unit
