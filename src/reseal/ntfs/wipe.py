"""Wipe free clusters and slack space of a volume.

| what | how | source |
|---|---|---|
| clusters that are free in `$Bitmap` and belong to no file | discarded: they read as zeros | layout: documented by the Linux-NTFS project; Windows does not need their content: documented, cipher /w |
| clusters of a stream after its initialized size and after the end of its data | zeros | the same; both read as zeros anyway |
| the end of each compressed unit, after its last block | zeros | the same |
| file records that are not in use | truncated to their header; the sequence number stays | the same; ntfswipe does so, too |
| the ends of file records and index blocks, and index blocks that are not in use | zeros, or an empty block | the same |

The volume must not be mounted, and its log must be empty.
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reseal.disk.device import Slice
from reseal.ntfs import records
from reseal.ntfs.errors import VolumeError
from reseal.ntfs.raw import RawVolume, Value

_BITMAP = 6
#: The records with copies in $MFTMirr, which hold no user data.
_MIRRORED = 4
_CHUNK = 1 << 20
_FIRST_ATTRIBUTE, _FLAGS, _USED, _BASE = 0x14, 0x16, 0x18, 0x20
_IN_USE = 0x1
_END = 0xFFFFFFFF
_BLOCK_HEADER = 24
_LAST_ENTRY = struct.Struct("<QHHI")
#: Clusters in a compression unit (documented; seen on every volume).
_UNIT = 16


@dataclass(slots=True)
class Wiped:
    """How much was wiped.

    Attributes:
        clusters: bytes in free clusters that had data.
        streams: bytes after the ends of streams.
        records: bytes in file records and indexes.
        skipped: number of damaged file records, which were left unchanged.
    """

    clusters: int = 0
    streams: int = 0
    records: int = 0
    skipped: int = 0


def wipe(
    device: Slice, name: str, tell: Callable[[int, int], None] = lambda _done, _total: None
) -> Wiped:
    """Wipe free clusters and slack space of a volume.

    Args:
        device: the device that the volume fills.
        name: name of the volume in messages.
        tell: takes how many bytes of the volume are done, and how many it has.

    Raises:
        VolumeError: the metadata that records which clusters are in use is damaged.
        DiskError: the device can't be read or written.
    """
    return _Wiper(device, name, tell).run()


class _Wiper:
    def __init__(self, device: Slice, name: str, tell: Callable[[int, int], None]) -> None:
        self._device = device
        self._tell = tell
        self._volume = RawVolume(device, name)
        self._cluster = self._volume.boot.cluster_size
        self._owned: npt.NDArray[np.bool_] = np.zeros(
            self._volume.boot.size // self._cluster, np.bool_
        )
        self._done = Wiped()

    def run(self) -> Wiped:
        mft = self._volume.mft
        size = self._volume.boot.record_size
        for start in range(0, mft.size, _CHUNK):
            raw = self._volume.read(mft, start, min(_CHUNK, mft.size - start))
            for at in range(0, len(raw) - size + 1, size):
                if raw[at : at + 4] == b"FILE":
                    self._record((start + at) // size, bytearray(raw[at : at + size]))
            self._volume.forget()
        self._free_clusters()
        return self._done

    def _write(self, value: Value, at: int, data: bytes) -> None:
        for place, piece in self._volume.writes(value, at, data):
            self._device.write(place, piece)

    # Records

    def _record(self, number: int, data: bytearray) -> None:
        volume = self._volume
        before = bytes(data)
        try:
            volume.unprotect(data, f"file record {number}")
        except VolumeError:
            self._done.skipped += 1
            return
        plain = bytes(data)
        (first, flags, used) = struct.unpack_from("<HHI", data, _FIRST_ATTRIBUTE)
        if not 0x2A <= first <= len(data) - 8:
            self._done.skipped += 1
            return
        if not flags & _IN_USE:
            struct.pack_into("<II", data, first, _END, 0)
            struct.pack_into("<I", data, _USED, first + 8)
            data[first + 8 :] = bytes(len(data) - first - 8)
        elif first + 8 <= used <= len(data):
            data[used:] = bytes(len(data) - used)
        if number >= _MIRRORED and bytes(data) != plain:
            self._done.records += sum(one != two for one, two in zip(data, plain, strict=True))
            self._write(volume.mft, number * len(before), volume.protect(data))
        (base,) = struct.unpack_from("<Q", data, _BASE)
        if flags & _IN_USE and not base & records.RECORD_MASK:
            try:
                self._file(number)
            except VolumeError:
                # Only `$Bitmap` then records its clusters.
                self._done.skipped += 1

    def _file(self, number: int) -> None:
        volume = self._volume
        found = list(volume.values(number))
        roots = {name: value for kind, name, _, value in found if kind == records.INDEX_ROOT}
        bitmaps = {name: value for kind, name, _, value in found if kind == records.BITMAP}
        for kind, name, flags, value in found:
            if value.record is not None:
                continue
            for extent in value.extents:
                if extent.place is not None:
                    first = extent.place // self._cluster
                    self._owned[first : first + extent.length // self._cluster] = True
            if kind == records.INDEX_ALLOCATION and name in roots:
                self._blocks(value, roots[name], bitmaps.get(name))
            if flags & records.ATTRIBUTE_ENCRYPTED:
                continue
            if flags & records.ATTRIBUTE_COMPRESSED:
                self._units(value)
            else:
                self._tail(value)

    # Streams

    def _tail(self, value: Value) -> None:
        """Wipe the clusters of a stream after its initialized size."""
        for extent in value.extents:
            end = extent.start + extent.length
            start = max(extent.start, value.initialized)
            if extent.place is not None and start < end:
                self._zero(extent.place + start - extent.start, end - start)

    def _units(self, value: Value) -> None:
        """Wipe the end of each compressed unit, which has fewer clusters than its data."""
        unit = _UNIT * self._cluster
        pieces: dict[int, list[tuple[int, int]]] = {}
        for extent in value.extents:
            start = extent.start
            while extent.place is not None and start < extent.start + extent.length:
                end = min(extent.start + extent.length, (start // unit + 1) * unit)
                place = extent.place + start - extent.start
                pieces.setdefault(start // unit, []).append((place, end - start))
                start = end
        for places in pieces.values():
            size = sum(length for _, length in places)
            if size < unit:
                self._unit(places, size)

    def _unit(self, places: list[tuple[int, int]], size: int) -> None:
        data = b"".join(self._device.read(place, length) for place, length in places)
        at = 0
        # Each block starts with its length in 2 bytes (documented, [MS-XCA] 2.5).
        while at + 2 <= size:
            (head,) = struct.unpack_from("<H", data, at)
            if not head:
                break
            at += (head & 0xFFF) + 3
        if at > size:
            return  # damaged
        for place, length in places:
            if at < length:
                self._zero(place + max(at, 0), length - max(at, 0))
            at -= length

    def _zero(self, place: int, size: int) -> None:
        """Zero a range unless it already reads as zeros."""
        for start, length in list(self._device.data(place, size)):
            for at in range(start, start + length, _CHUNK):
                part = min(_CHUNK, start + length - at)
                if np.frombuffer(self._device.read(at, part), np.uint8).any():
                    self._device.zero(at, part)
                    self._done.streams += part

    # Indexes

    def _blocks(self, value: Value, root: Value, bitmap: Value | None) -> None:
        volume = self._volume
        (size,) = struct.unpack("<I", volume.read(root, 8, 4))
        if not 512 <= size <= 1 << 16:
            self._done.skipped += 1
            return
        used = volume.read(bitmap, 0, bitmap.size) if bitmap else b""
        for at in range(0, value.initialized - size + 1, size):
            block = bytearray(volume.read(value, at, size))
            if block[:4] != b"INDX":
                continue
            try:
                volume.unprotect(block, "an index block")
            except VolumeError:
                self._done.skipped += 1
                continue
            before = bytes(block)
            first, length = struct.unpack_from("<II", block, _BLOCK_HEADER)
            number = at // size
            in_use = number // 8 < len(used) and used[number // 8] >> number % 8 & 1
            start = _BLOCK_HEADER + first
            if not 40 <= start <= size - _LAST_ENTRY.size:
                self._done.skipped += 1
                continue
            if not in_use:
                _LAST_ENTRY.pack_into(block, start, 0, _LAST_ENTRY.size, 0, 2)
                struct.pack_into("<I", block, _BLOCK_HEADER + 4, first + _LAST_ENTRY.size)
                block[_BLOCK_HEADER + 12] = 0
                length = first + _LAST_ENTRY.size
            if not start <= _BLOCK_HEADER + length <= size:
                self._done.skipped += 1
                continue
            block[_BLOCK_HEADER + length :] = bytes(size - _BLOCK_HEADER - length)
            if bytes(block) != before:
                self._done.records += sum(
                    one != two for one, two in zip(block, before, strict=True)
                )
                self._write(value, at, volume.protect(block))

    # Clusters

    def _free_clusters(self) -> None:
        bitmap = self._volume.value(_BITMAP, records.DATA, "")
        count = len(self._owned)
        raw = self._volume.read(bitmap, 0, min(bitmap.size, (count + 7) // 8))
        bits = np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")[:count]
        free = np.zeros(count, np.bool_)
        # A cluster of a file is in use even if the bitmap has it as free.
        free[: len(bits)] = (bits == 0) & ~self._owned[: len(bits)]
        for first, last in _runs(free):
            place, size = first * self._cluster, (last - first) * self._cluster
            before = self._done.streams
            self._zero(place, size)
            self._done.clusters += self._done.streams - before
            self._done.streams = before
            self._tell(place + size, self._volume.boot.size)


def _runs(free: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], free.astype(np.int8), [0]))))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
