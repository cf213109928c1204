"""BitLocker's metadata: the protectors of a volume, its cipher, its state, and the offsets of its parts.

The volume holds three copies, each a block of at most 64 KiB with a checksum; damaged copies are
skipped. Layout: documented by libbde; the checksum and the sealed hash behind each block, and
the meaning of the states, are dissect.fve's (seen in volumes of Windows 7 to 11).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from reseal.bitlocker import header
from reseal.bitlocker.entries import Entry, Role, Type, entries
from reseal.bitlocker.errors import MetadataError
from reseal.bitlocker.header import SIGNATURE, Header
from reseal.disk.device import Device

#: Space that Windows reserves for each copy.
BLOCK_SIZE = 64 << 10
_VERSION = 2
_HEAD = struct.Struct("<8sHHHHQIIQQQQ")
_SET_HEAD = struct.Struct("<IIII16sIHHQ")
#: The size in the header of a block counts units of 16 bytes.
_UNIT = 16
_CHECK_HEAD = struct.Struct("<HHI")

#: More than any real volume relocates from its start (BitLocker To Go: 5 MiB).
_MAX_VIRTUAL = 64 << 20

#: Name and key size in bytes, by the method in the metadata.
METHODS = {
    0x8000: ("AES-CBC 128-bit with Elephant diffuser", 64),
    0x8001: ("AES-CBC 256-bit with Elephant diffuser", 64),
    0x8002: ("AES-CBC 128-bit", 16),
    0x8003: ("AES-CBC 256-bit", 32),
    0x8004: ("AES-XTS 128-bit", 32),
    0x8005: ("AES-XTS 256-bit", 64),
}

STATES = {
    1: "decrypted",
    2: "converting",
    3: "paused",
    4: "encrypted",
    5: "converting",
}
DECRYPTED, INTERRUPTED, PAUSED, ENCRYPTED, CONVERTING = 1, 2, 3, 4, 5

#: The bits of a protector's kind, and their names in the order of Windows.
_KINDS = {
    0x0100: "TPM",
    0x0400: "PIN",
    0x0200: "startup key",
    0x0800: "recovery key",
    0x1000: "smart card",
    0x2000: "password",
}
CLEAR, STARTUP_KEY, RECOVERY, PASSWORD = 0, 0x0200, 0x0800, 0x2000
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Protector:
    """One way to open a volume: its master key, wrapped with another.

    Attributes:
        id: its identifier, as manage-bde shows it.
        kind: bits for the keys that it needs; 0 for a clear key.
        entry: its complete entry, for unlocking.
    """

    id: UUID
    kind: int
    entry: Entry = field(repr=False)

    @property
    def name(self) -> str:
        """The keys that it needs, for messages."""
        if self.kind == CLEAR:
            return "clear key"
        known = [name for bit, name in _KINDS.items() if self.kind & bit]
        return " and ".join(known) or f"unknown kind {self.kind:#06x}"


@dataclass(frozen=True, slots=True)
class Metadata:
    """One valid copy of the metadata.

    Attributes:
        id: BitLocker's identifier of the volume.
        description: computer, volume and date, as written by Windows.
        created: when the volume was encrypted; None if the time is invalid.
        method: the cipher, a key of METHODS.
        state: the current state, a key of STATES.
        next_state: the state that it changes to.
        watermark: byte offset up to which the volume is encrypted.
        log_size: bytes of the log of an interrupted conversion.
        virtual: byte offset and size of the range that holds the volume's first sectors, encrypted.
        copies: byte offsets of the three copies.
        damaged_copies: the number of unreadable copies.
        protectors: every way to open the volume.
        volume_key: the wrapped key of its sectors.
        seal: the wrapped SHA-256 of `block`.
        block: the bytes that the seal covers.
    """

    id: UUID
    description: str
    created: datetime | None
    method: int
    state: int
    next_state: int
    watermark: int
    log_size: int
    virtual: tuple[int, int]
    copies: tuple[int, ...]
    damaged_copies: int
    protectors: tuple[Protector, ...]
    volume_key: Entry | None = field(repr=False)
    seal: Entry | None = field(repr=False)
    block: bytes = field(repr=False)

    @property
    def cipher(self) -> str:
        """The name of the cipher."""
        return METHODS[self.method][0] if self.method in METHODS else f"unknown ({self.method:#x})"

    @property
    def offers(self) -> str:
        """The distinct kinds of its protectors, for messages."""
        names = sorted({one.name for one in self.protectors})
        return ", ".join(names) or "none"

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data, without keys."""
        return {
            "id": str(self.id),
            "description": self.description,
            "created": self.created.isoformat() if self.created else None,
            "cipher": self.cipher,
            "state": STATES.get(self.state, f"unknown ({self.state})"),
            "encrypted_bytes": self.watermark,
            "metadata": list(self.copies),
            "damaged_copies": self.damaged_copies,
            "header": {"offset": self.virtual[0], "size": self.virtual[1]},
            "protectors": [{"id": str(one.id), "kind": one.name} for one in self.protectors],
        }


def read(device: Device, name: str) -> tuple[Header, tuple[Metadata, ...]]:
    """Read the first sector and all valid copies of the metadata of an encrypted volume.

    Args:
        device: the volume's device.
        name: the volume's name in messages.

    Returns:
        The header, and at least one copy, in the order in which Windows tries them.

    Raises:
        MetadataError: no copy is valid, or Windows Vista encrypted the volume.
    """
    found = header.parse(device.read(0, header.SECTOR), name)
    valid, reasons = [], []
    for place in found.metadata:
        try:
            valid.append(_copy(device, found, place))
        except MetadataError as error:
            reasons.append(error.message)
    if not valid:
        raise MetadataError(
            f"All copies of BitLocker's metadata of {name} are damaged: {'; '.join(reasons)}. "
            "Nothing was changed.",
            "Copy the image again from its source, or repair the volume with repair-bde "
            "in Windows.",
        )
    return found, tuple(replace(one, damaged_copies=len(reasons)) for one in valid)


def offers(device: Device) -> str | None:
    """Return the kinds of an encrypted volume's protectors; None if its metadata can't be read."""
    try:
        _, (first, *_) = read(device, "the volume")
    except MetadataError:
        return None
    return first.offers


def _copy(device: Device, found: Header, place: int) -> Metadata:
    if place < header.SECTOR or place % header.SECTOR or place + BLOCK_SIZE > device.size:
        raise MetadataError(f"one should lie at byte {place}, outside the volume")
    data = device.read(place, BLOCK_SIZE)
    fields = _HEAD.unpack_from(data)
    signature, units, version, state, next_state, watermark, log_size, sectors = fields[:8]
    offsets, virtual = fields[8:11], fields[11]
    size = units * _UNIT
    if signature != SIGNATURE:
        raise MetadataError(f"there is none at byte {place}")
    if version != _VERSION:
        raise MetadataError(f"the one at byte {place} has version {version}, which is unknown")
    if not _HEAD.size + _SET_HEAD.size <= size <= BLOCK_SIZE - _CHECK_HEAD.size:
        raise MetadataError(f"the one at byte {place} has an impossible size")
    _, _, checksum = _CHECK_HEAD.unpack_from(data, size)
    if zlib.crc32(data[:size]) != checksum:
        raise MetadataError(f"the one at byte {place} has a wrong checksum")
    set_size, _, start, end, volume_id, _, method, _, created = _SET_HEAD.unpack_from(
        data, _HEAD.size
    )
    if not _SET_HEAD.size <= start <= end <= set_size <= size - _HEAD.size:
        raise MetadataError(f"the one at byte {place} has impossible sizes")
    listed = list(entries(data[_HEAD.size + start : _HEAD.size + end]))
    tail = next(entries(data[size + _CHECK_HEAD.size :]), None)
    description = _first(listed, Role.DESCRIPTION, Type.TEXT)
    return Metadata(
        id=UUID(bytes_le=volume_id),
        description=description.text if description else "",
        created=_time(created),
        method=method,
        state=state,
        next_state=next_state,
        watermark=watermark,
        log_size=log_size,
        virtual=(virtual, _virtual_size(device, found, listed, sectors, virtual)),
        copies=_inside(device, found, offsets),
        damaged_copies=0,
        protectors=tuple(_protectors(listed)),
        volume_key=_first(listed, Role.VOLUME_KEY, Type.WRAPPED_KEY),
        seal=tail if tail and tail.type == Type.WRAPPED_KEY else None,
        block=data[:size],
    )


def _virtual_size(
    device: Device, found: Header, listed: list[Entry], sectors: int, place: int
) -> int:
    """Return how many bytes of the volume's start are stored elsewhere."""
    size: int = sectors * found.sector_size
    block = _first(listed, Role.HEADER_BLOCK, Type.OFFSET_AND_SIZE)
    if not size and block and len(block.data) >= 16:
        size = struct.unpack_from("<Q", block.data, 8)[0]
    if size % found.sector_size or not 0 < size <= _MAX_VIRTUAL:
        raise MetadataError(f"the volume's first sectors are {size} bytes, which is impossible")
    if place % found.sector_size or place < size or place + size > device.size:
        raise MetadataError("the volume's first sectors should lie outside the volume")
    return size


def _inside(device: Device, found: Header, offsets: tuple[int, ...]) -> tuple[int, ...]:
    for place in offsets:
        if not header.SECTOR <= place <= device.size - BLOCK_SIZE or place % found.sector_size:
            raise MetadataError("a copy of the metadata should lie outside the volume")
    return offsets


def _first(listed: list[Entry], role: Role, kind: Type) -> Entry | None:
    return next((one for one in listed if (one.role, one.type) == (role, kind)), None)


def _protectors(listed: list[Entry]) -> Iterator[Protector]:
    for one in listed:
        if one.role == Role.MASTER_KEY and one.type == Type.MASTER_KEY and len(one.data) >= 28:
            (kind,) = struct.unpack_from("<H", one.data, 26)
            yield Protector(one.guid, kind, one)


def _time(stamp: int) -> datetime | None:
    try:
        return _EPOCH + timedelta(microseconds=stamp // 10)
    except OverflowError:
        return None
