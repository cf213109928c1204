"""Read file records and attributes from an unmounted device.

This reads the metadata files only, so compression and encryption are not supported. It does not write:
the methods for changes return the bytes that the caller is to write.

Layout: documented by the Linux-NTFS project. Every field is checked, because the volume may be hostile.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from reseal.disk.device import Device
from reseal.ntfs import boot, records
from reseal.ntfs.errors import VolumeError

ATTRIBUTE_LIST = 0x20
#: The record of $MFTMirr in $MFT.
_MIRROR = 1
_END = 0xFFFFFFFF
_RECORD_IN_USE = 0x1
#: In a file record: first attribute, flags, bytes used, base record.
_FIRST_ATTRIBUTE, _FLAGS, _USED, _BASE = 0x14, 0x16, 0x18, 0x20
#: In a protected record: offset of the update sequence, and its number of words.
_SEQUENCE = struct.Struct("<HH")
_SEQUENCE_AT = 4
_SECTOR_TAIL = 2

#: Maximum size of an attribute list (documented, Linux-NTFS).
_MAX_LIST = 256 << 10
#: Maximum number of extents of one attribute, far above real ones.
_MAX_EXTENTS = 1 << 20


@dataclass(frozen=True, slots=True)
class Extent:
    """A range of an attribute's value and its place in the volume.

    Attributes:
        start: byte offset in the value.
        length: bytes.
        place: byte offset in the volume; None for a hole.
    """

    start: int
    length: int
    place: int | None


@dataclass(slots=True)
class Value:
    """An attribute's value.

    Attributes:
        size: bytes.
        initialized: initialized size: bytes after it read as zeros.
        extents: extents, ascending and without gaps; empty for a resident value.
        record: the record that holds a resident value.
        offset: byte offset of a resident value in that record.
    """

    size: int
    initialized: int
    extents: list[Extent] = field(default_factory=list)
    record: Record | None = None
    offset: int = 0


@dataclass(slots=True)
class Record:
    """A file record with its update sequence undone.

    Attributes:
        number: record number in $MFT.
        data: its bytes.
        changed: whether `data` must be written.
    """

    number: int
    data: bytearray
    changed: bool = False


@dataclass(frozen=True, slots=True)
class _Piece:
    """One attribute record: a whole attribute or a part of it."""

    record: Record
    offset: int
    length: int
    type: int
    name: str


class RawVolume:
    """The metadata files of an NTFS volume. Nothing is written.

    Args:
        device: the device that the volume fills.
        name: name of the volume in messages.

    Raises:
        NotNtfsError, BitLockerError: the device does not hold a readable NTFS volume.
        VolumeError: the volume is damaged.
    """

    def __init__(self, device: Device, name: str) -> None:
        self._device = device
        self.name = name
        self.boot = boot.read(device, name)
        size = self.boot.record_size
        self._records: dict[int, Record] = {}
        # Just enough of $MFT to read its first record, which maps the rest.
        self._mft = Value(size, size, [Extent(0, size, self.boot.mft)])
        record = self.record(0)
        own = [piece for piece in self._pieces(record) if piece.type == records.DATA]
        self._mft = self._value([piece for piece in own if not piece.name])
        # If $MFT has an attribute list, the listed records are in the part mapped so far.
        self._mft = self.value(0, records.DATA, "")

    def damaged(self, what: str) -> VolumeError:
        """Build the error for a damaged volume."""
        msg = f"The file system of {self.name} is damaged: {what}."
        return VolumeError(msg, hint="Start Windows and let chkdsk repair the volume.")

    @property
    def mft(self) -> Value:
        """The content of $MFT, all file records."""
        return self._mft

    # Records

    def record(self, number: int) -> Record:
        """Read a file record."""
        if number in self._records:
            return self._records[number]
        size = self.boot.record_size
        data = bytearray(self.read(self._mft, number * size, size))
        if data[:4] != b"FILE":
            raise self.damaged(f"file record {number} has no signature")
        self.unprotect(data, f"file record {number}")
        if not struct.unpack_from("<H", data, _FLAGS)[0] & _RECORD_IN_USE:
            raise self.damaged(f"file record {number} is not in use")
        record = self._records[number] = Record(number, data)
        return record

    def unprotect(self, data: bytearray, what: str) -> None:
        """Undo the update sequence of a record. Raises VolumeError if the record was torn."""
        start, words = _SEQUENCE.unpack_from(data, _SEQUENCE_AT)
        stride = self._stride(data, start, words, what)
        number = data[start : start + 2]
        for index in range(1, words):
            end = index * stride
            if data[end - _SECTOR_TAIL : end] != number:
                raise self.damaged(f"{what} was only partly written")
            data[end - _SECTOR_TAIL : end] = data[start + 2 * index : start + 2 * index + 2]

    def protect(self, data: bytearray) -> bytes:
        """Return a record with its update sequence number increased and applied."""
        result = bytearray(data)
        start, words = _SEQUENCE.unpack_from(result, _SEQUENCE_AT)
        stride = len(result) // (words - 1)
        # 0 and 0xFFFF mean that the record has no update sequence number.
        number = int.from_bytes(result[start : start + 2], "little") + 1
        tail = struct.pack("<H", number if number < 0xFFFF else 1)
        result[start : start + 2] = tail
        for index in range(1, words):
            end = index * stride
            place = start + 2 * index
            result[place : place + 2] = result[end - _SECTOR_TAIL : end]
            result[end - _SECTOR_TAIL : end] = tail
        return bytes(result)

    def _stride(self, data: bytearray, start: int, words: int, what: str) -> int:
        """Return the number of bytes that each word protects; 512 on all volumes seen."""
        size = len(data)
        if words < 2 or size % (words - 1) or start + 2 * words > size or start % 2:
            raise self.damaged(f"the update sequence of {what} is impossible")
        stride = size // (words - 1)
        if stride < boot.BOOT_SECTOR_SIZE or start + 2 * words > stride - _SECTOR_TAIL:
            raise self.damaged(f"the update sequence of {what} is impossible")
        return stride

    # Attributes

    def value(self, number: int, kind: int, name: str) -> Value:
        """Return an attribute's value.

        Args:
            number: record number of the file.
            kind: attribute type.
            name: attribute name; empty for an unnamed attribute.

        Raises:
            VolumeError: the attribute is absent or damaged.
        """
        wanted = self._named(number, kind, name)
        if not wanted:
            raise self.damaged(f"file record {number} has no attribute {kind:#x} {name}".rstrip())
        return self._value(wanted)

    def has(self, number: int, kind: int, name: str) -> bool:
        """Whether a file has an attribute.

        Args:
            number: record number of the file.
            kind: attribute type.
            name: attribute name; empty for an unnamed attribute.
        """
        return bool(self._named(number, kind, name))

    def attribute_records(self, number: int, kind: int, name: str) -> list[tuple[Record, int, int]]:
        """Return (file record, byte offset in it, bytes) of each part of an attribute.

        Args:
            number: record number of the file.
            kind: attribute type.
            name: attribute name; empty for an unnamed attribute.

        Raises:
            VolumeError: a file record is damaged.
        """
        found = self._named(number, kind, name)
        return [(piece.record, piece.offset, piece.length) for piece in found]

    def _named(self, number: int, kind: int, name: str) -> list[_Piece]:
        return [
            piece
            for record in self.records_of(number)
            for piece in self._pieces(record)
            if piece.type == kind and piece.name == name
        ]

    def records_of(self, number: int) -> list[Record]:
        """Return a file's base record and all records in its attribute list."""
        base = self.record(number)
        found = [base]
        lists = [piece for piece in self._pieces(base) if piece.type == ATTRIBUTE_LIST]
        if not lists:
            return found
        value = self._value(lists)
        if value.size > _MAX_LIST:
            raise self.damaged(f"the attribute list of file record {number} is too long")
        raw, position, numbers = self.read(value, 0, value.size), 0, dict[int, None]()
        while position + 26 <= len(raw):
            (length,) = struct.unpack_from("<H", raw, position + 4)
            (reference,) = struct.unpack_from("<Q", raw, position + 16)
            if length < 26:
                raise self.damaged(f"the attribute list of file record {number} is unreadable")
            numbers[reference & records.RECORD_MASK] = None
            position += length
        for other in numbers:
            if other == number:
                continue
            record = self.record(other)
            (owner,) = struct.unpack_from("<Q", record.data, _BASE)
            if owner & records.RECORD_MASK != number:
                raise self.damaged(f"file record {other} does not belong to record {number}")
            found.append(record)
        return found

    def values(self, number: int) -> Iterator[tuple[int, str, int, Value]]:
        """Yield (type, name, flags, value) of every attribute of a file."""
        grouped: dict[tuple[int, str, int], list[_Piece]] = {}
        for record in self.records_of(number):
            for index, piece in enumerate(self._pieces(record)):
                # A file may have several resident attributes of one type and name: file names.
                resident = not record.data[piece.offset + 8]
                key = (piece.type, piece.name, record.number << 16 | index if resident else -1)
                grouped.setdefault(key, []).append(piece)
        for (kind, name, _), pieces in grouped.items():
            (flags,) = struct.unpack_from("<H", pieces[0].record.data, pieces[0].offset + 12)
            yield kind, name, flags, self._value(pieces)

    def forget(self) -> None:
        """Release the records that were read."""
        self._records.clear()

    def _pieces(self, record: Record) -> Iterator[_Piece]:
        data, what = record.data, f"file record {record.number}"
        (position,) = struct.unpack_from("<H", data, _FIRST_ATTRIBUTE)
        (used,) = struct.unpack_from("<I", data, _USED)
        used = min(used, len(data))
        while position + 4 <= used:
            (kind,) = struct.unpack_from("<I", data, position)
            if kind == _END:
                return
            if position + 24 > used:
                break
            (length,) = struct.unpack_from("<I", data, position + 4)
            if length < 24 or position + length > used:
                break
            units, at = data[position + 9], struct.unpack_from("<H", data, position + 10)[0]
            name = bytes(data[position + at : position + at + 2 * units])
            if at + 2 * units > length:
                break
            yield _Piece(record, position, length, kind, records.decode_name(name))
            position += length
        raise self.damaged(f"{what} is unreadable")

    # Complex: each part is validated against the parts before it.
    def _value(self, pieces: list[_Piece]) -> Value:
        """Combine the parts of an attribute."""
        if not pieces:
            raise self.damaged("$MFT has no content")
        first = pieces[0]
        data, at = first.record.data, first.offset
        if not data[at + 8]:
            size, start = struct.unpack_from("<IH", data, at + 16)
            if len(pieces) > 1 or start + size > first.length:
                raise self.damaged("a resident attribute is longer than its record")
            return Value(size, size, record=first.record, offset=at + start)
        parts: list[tuple[int, _Piece]] = []
        for piece in pieces:
            if not piece.record.data[piece.offset + 8] or piece.length < 64:
                raise self.damaged("an attribute record is inconsistent")
            (lowest,) = struct.unpack_from("<Q", piece.record.data, piece.offset + 16)
            parts.append((lowest, piece))
        parts.sort(key=lambda part: part[0])
        extents: list[Extent] = []
        for lowest, piece in parts:
            end = extents[-1].start + extents[-1].length if extents else 0
            if lowest * self.boot.cluster_size != end:
                if not extents or lowest * self.boot.cluster_size < end:
                    raise self.damaged("the extents of an attribute overlap")
                # The other parts are in records that are not known yet. Only $MFT allows this.
                break
            extents += self._runs(piece, end)
            if len(extents) > _MAX_EXTENTS:
                raise self.damaged("an attribute has too many extents")
        head = parts[0][1]
        size, initialized = struct.unpack_from("<QQ", head.record.data, head.offset + 48)
        mapped = extents[-1].start + extents[-1].length if extents else 0
        if initialized > size or size > self.boot.size:
            raise self.damaged("an attribute has an impossible size")
        return Value(min(size, mapped), min(initialized, mapped), extents)

    def _runs(self, piece: _Piece, start: int) -> Iterator[Extent]:
        """Decode the extents of one attribute record."""
        data, end = piece.record.data, piece.offset + piece.length
        (at,) = struct.unpack_from("<H", data, piece.offset + 32)
        position, cluster = piece.offset + at, 0
        while position < end and data[position]:
            count_bytes, offset_bytes = data[position] & 15, data[position] >> 4
            middle = position + 1 + count_bytes
            position = middle + offset_bytes
            if not 0 < count_bytes <= 8 or offset_bytes > 8 or position > end:
                break
            count = int.from_bytes(data[middle - count_bytes : middle], "little")
            length = count * self.boot.cluster_size
            place = None
            if offset_bytes:
                cluster += int.from_bytes(data[middle:position], "little", signed=True)
                place = cluster * self.boot.cluster_size
            if not 0 < length <= self.boot.size or (
                place is not None and not 0 <= place <= self.boot.size - length
            ):
                break
            yield Extent(start, length, place)
            start += length
        else:
            if position < end:
                return
        raise self.damaged("the extents of an attribute are unreadable")

    # Content

    def read(self, value: Value, offset: int, size: int) -> bytes:
        """Read a part of a value.

        Args:
            value: the value.
            offset: byte offset in it.
            size: number of bytes.

        Raises:
            VolumeError: the value is shorter.
        """
        if offset < 0 or size < 0 or offset + size > value.size:
            raise self.damaged("an attribute ends early")
        if value.record is not None:
            start = value.offset + offset
            return bytes(value.record.data[start : start + size])
        parts: list[bytes] = []
        for place, start, end in self.places(value, offset, size):
            written = min(end, value.initialized)
            if place is None or written <= start:
                parts.append(bytes(end - start))
            else:
                parts.append(self._device.read(place, written - start) + bytes(end - written))
        return b"".join(parts)

    def places(self, value: Value, offset: int, size: int) -> Iterator[tuple[int | None, int, int]]:
        """Yield (place in the volume or None for a hole, start, end in the value) of a range.

        Args:
            value: the value.
            offset: byte offset of the range in it.
            size: bytes of the range.
        """
        end = offset + size
        for extent in value.extents:
            first, last = max(offset, extent.start), min(end, extent.start + extent.length)
            if first < last:
                place = None if extent.place is None else extent.place + first - extent.start
                yield place, first, last

    def writes(self, value: Value, offset: int, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield (place in the volume, bytes) to write `data` into a non-resident value.

        Args:
            value: the value.
            offset: byte offset in it.
            data: bytes to write.

        Raises:
            VolumeError: the range has a hole.
        """
        for place, start, end in self.places(value, offset, len(data)):
            if place is None:
                raise self.damaged("a hole has data")
            yield place, data[start - offset : end - offset]

    def record_writes(self) -> Iterator[tuple[int, bytes]]:
        """Yield (place in the volume, bytes) to write the changed file records.

        $MFTMirr has copies of the first four records, or of one cluster of records if that is more.
        """
        changed = [record for record in self._records.values() if record.changed]
        for record in changed:
            at, data = record.number * self.boot.record_size, self.protect(record.data)
            yield from self.writes(self._mft, at, data)
            mirror = self.value(_MIRROR, records.DATA, "")
            if at + len(data) <= mirror.size:
                yield from self.writes(mirror, at, data)
