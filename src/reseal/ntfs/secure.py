r"""Replace bytes in the security descriptors of all files, by a patch of `$Secure`.

Since NTFS 3.0 a file record has the number of a descriptor, and `$Secure` stores each descriptor once:
`$SDS` has the descriptors, `$SII` indexes them by number, and `$SDH` by hash and number. A change that
keeps all lengths does not touch file records, so its cost depends on the number of distinct descriptors,
not of files.

| what | form | source |
|---|---|---|
| `$SDS` | blocks of 256 KiB, each followed by its copy; entries aligned to 16 bytes: hash, number, offset (8 bytes), length, descriptor | documented by the Linux-NTFS project; seen in volumes made by Windows |
| hash | over the descriptor's words of 4 bytes: `h = word + rotl32(h, 3)`, from 0 | as above |
| `$SII`, `$SDH` | B+ trees whose entries hold the head of the `$SDS` entry; all entries of an index have the same size, except for the pointer to a child node | as above |
| order of `$SDH` | by hash, then by number, both unsigned | as above |

An index may be wholly in the file record (seen in small volumes made by Windows).
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.ntfs import records
from reseal.ntfs.errors import DirtyVolumeError, HibernatedError, VolumeError
from reseal.ntfs.raw import RawVolume
from reseal.ntfs.view_index import Slot, ViewIndex

if TYPE_CHECKING:
    from typing import Protocol

    from reseal.disk.device import Device
    from reseal.ntfs.raw import Value

    class _State(Protocol):
        @property
        def dirty(self) -> bool: ...
        @property
        def log_clean(self) -> bool: ...
        @property
        def hibernation(self) -> str: ...


#: The record of $Secure in $MFT (documented).
SECURE = 9
_STREAM = "$SDS"
_BY_NUMBER, _BY_HASH = "$SII", "$SDH"
BLOCK = 0x40000
#: Hash, number, offset in $SDS, length with this header.
HEADER = struct.Struct("<IIQI")
#: Descriptors of a real volume take a few MiB.
_MAX_STREAM = 256 << 20
#: The unit in which changed parts of $SDS are written.
_PAGE = 4096
_WORD = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Patch:
    """The writes that replace bytes in a volume's descriptors.

    Attributes:
        descriptors: number of descriptors of the volume.
        changed: number of descriptors that change.
        loose: occurrences of the bytes in `$SDS` outside all descriptors.
        writes: (byte offset in the volume, bytes), ascending.
    """

    descriptors: int
    changed: int
    loose: int
    writes: tuple[tuple[int, bytes], ...]

    def apply(self, device: Device) -> None:
        """Apply the patch. The volume must not be mounted; reset `$LogFile` afterwards."""
        for offset, data in self.writes:
            device.write(offset, data)


@dataclass(frozen=True, slots=True)
class _Head:
    """The header of an entry of $SDS, which the indexes repeat."""

    hash: int
    number: int
    offset: int
    length: int

    @property
    def end(self) -> int:
        return self.offset + self.length


def require_clean(state: _State, name: str) -> None:
    """Raise VolumeError if Windows would replay `$LogFile` over a patch, or is hibernated."""
    if state.hibernation != "none":
        msg = f"Windows is hibernated on {name}; the descriptors of its files can't be changed."
        raise HibernatedError(
            msg, hint="Start Windows and shut it down fully (shutdown /s /t 0), then try again."
        )
    if not state.log_clean or state.dirty:
        msg = f"{name} was not closed cleanly by Windows; its descriptors can't be changed."
        raise DirtyVolumeError(
            msg, hint="Start Windows, let chkdsk repair the volume, and shut it down fully."
        )


def descriptor_hash(descriptor: bytes | bytearray | memoryview) -> int:
    """Return the hash of a descriptor in `$SDH`."""
    result = 0
    for (word,) in struct.iter_unpack("<I", descriptor[: len(descriptor) & ~3]):
        result = (word + (result << 3 | result >> 29)) & _WORD
    return result


def descriptors(device: Device, name: str) -> dict[int, bytes]:
    """Return the descriptors of a volume by number.

    Raises:
        VolumeError: `$Secure` is damaged.
    """
    secure = _Secure(device, name)
    return {head.number: bytes(secure.descriptor(head)) for head in secure.heads()}


def replacing(device: Device, old: bytes, new: bytes, name: str) -> Patch:
    """Compute the patch that replaces `old` by `new` in all descriptors. Nothing is written.

    Args:
        device: the device of a cleanly closed volume (`require_clean`).
        old: bytes to replace, at any offset.
        new: the same number of bytes.
        name: name of the volume in messages.

    Raises:
        VolumeError: `$Secure` is damaged.
    """
    assert len(old) == len(new)
    return _Secure(device, name).replace(old, new)


class _Secure:
    def __init__(self, device: Device, name: str) -> None:
        self._volume = RawVolume(device, name)
        self._value: Value = self._volume.value(SECURE, records.DATA, _STREAM)
        if self._value.size > _MAX_STREAM:
            raise self._damaged("$SDS is larger than any real one")
        self._stream = bytearray(self._volume.read(self._value, 0, self._value.size))
        self._pages: set[int] = set()
        self._by_number = ViewIndex(self._volume, SECURE, _BY_NUMBER, "<I", HEADER.size)
        self._by_hash = ViewIndex(self._volume, SECURE, _BY_HASH, "<II", HEADER.size)

    def _damaged(self, what: str) -> VolumeError:
        return self._volume.damaged(what)

    def heads(self) -> list[_Head]:
        """Return the headers of all entries, by number, after comparing all copies of them."""
        found: list[_Head] = []
        for slot in self._by_number.slots:
            head = _Head(*HEADER.unpack(slot.data))
            start, end = head.offset, head.offset + head.length
            if (
                slot.key != (head.number,)
                or head.length <= HEADER.size
                or end > len(self._stream)
                or start // BLOCK % 2
                or start // BLOCK != (end - 1) // BLOCK
                or self._stream[start : start + HEADER.size] != slot.data
            ):
                raise self._damaged(f"$SII misplaces descriptor {slot.key[0]}")
            found.append(head)
        others = sorted(bytes(slot.data) for slot in self._by_hash.slots)
        if others != sorted(bytes(slot.data) for slot in self._by_number.slots):
            raise self._damaged("$SII and $SDH do not list the same descriptors")
        return found

    def descriptor(self, head: _Head) -> memoryview:
        """Return a descriptor as a view into $SDS."""
        return memoryview(self._stream)[head.offset + HEADER.size : head.offset + head.length]

    def replace(self, old: bytes, new: bytes) -> Patch:
        heads = self.heads()
        places = sorted(heads, key=lambda head: head.offset)
        changed: dict[int, _Head] = {}
        loose = 0
        at, index = self._stream.find(old), 0
        while at >= 0:
            while index < len(places) and places[index].end <= at:
                index += 1
            head = places[index] if index < len(places) else None
            if head and head.offset + HEADER.size <= at and at + len(old) <= head.end:
                changed[head.number] = head
            elif not self._in_copy(at):
                loose += 1
            self._put(at, new)
            at = self._stream.find(old, at + len(old))
        heads_after = {number: self._rehash(head) for number, head in changed.items()}
        if not self._pages:
            return Patch(len(heads), 0, 0, ())
        self._index(heads_after)
        writes = [
            *self._stream_writes(),
            *self._by_number.writes(),
            *self._by_hash.writes(),
            *self._volume.record_writes(),
        ]
        return Patch(len(heads), len(changed), loose, tuple(sorted(writes)))

    @staticmethod
    def _in_copy(offset: int) -> bool:
        return bool(offset // BLOCK % 2)

    def _put(self, offset: int, data: bytes) -> None:
        self._stream[offset : offset + len(data)] = data
        self._pages.update(range(offset // _PAGE, (offset + len(data) - 1) // _PAGE + 1))

    def _rehash(self, head: _Head) -> _Head:
        """Update the hash in an entry and its copy after a change of its descriptor."""
        with self.descriptor(head) as descriptor:
            new = _Head(descriptor_hash(descriptor), head.number, head.offset, head.length)
        self._put(head.offset, HEADER.pack(new.hash, new.number, new.offset, new.length))
        copy = head.offset + BLOCK
        if copy + head.length > len(self._stream):
            raise self._damaged(f"$SDS has no copy of descriptor {head.number}")
        self._put(copy, bytes(self._stream[head.offset : head.offset + head.length]))
        return new

    def _index(self, changed: dict[int, _Head]) -> None:
        """Update both indexes in place, and sort $SDH again."""

        def data(slot: Slot) -> bytes:
            head = changed.get(HEADER.unpack(slot.data)[1])
            if head is None:
                return bytes(slot.data)
            return HEADER.pack(head.hash, head.number, head.offset, head.length)

        for slot in self._by_number.slots:
            slot.set(slot.key, data(slot))
        entries = sorted(
            ((*HEADER.unpack(raw)[:2], raw) for raw in map(data, self._by_hash.slots)),
        )
        for slot, (value, number, raw) in zip(self._by_hash.slots, entries, strict=True):
            slot.set((value, number), raw)

    def _stream_writes(self) -> list[tuple[int, bytes]]:
        found: list[tuple[int, bytes]] = []
        first = last = -1
        for page in [*sorted(self._pages), -1]:
            if first >= 0 and page != last + 1:
                part = bytes(self._stream[first * _PAGE : (last + 1) * _PAGE])
                found += self._volume.writes(self._value, first * _PAGE, part)
                first = page
            elif first < 0:
                first = page
            last = page
        return found
