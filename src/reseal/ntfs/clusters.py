"""Map each cluster of a volume to its file, in one pass over the MFT.

Run lists are used up to the first damage; clusters in the rest of a damaged list count as unallocated.
Layout: documented by the Linux-NTFS project.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reseal.ntfs import records
from reseal.ntfs.volume import Volume
from reseal.tree import TreeError, join

MFT = 0
BITMAP_FILE = 6
#: Bytes of the MFT held in memory.
_CHUNK = 1 << 20
_IN_USE = 0x1
_END = 0xFFFFFFFF
_HEAD = struct.Struct("<HH")
_RECORD = struct.Struct("<HHIIQ")  # first attribute, flags, used, allocated, base record: at 0x14
_ATTRIBUTE = struct.Struct("<IIBBHH")
_NON_RESIDENT = struct.Struct("<qqHH4xqq")  # at 16: vcns, run list, unit, allocated, size
_SECTOR = 512
_MAX_DEPTH = 512
#: Maximum number of runs. A volume with more is hostile; further runs count as unallocated.
_MAX_RUNS = 1 << 25


@dataclass(frozen=True, slots=True)
class Stream:
    """A non-resident attribute of a file.

    Attributes:
        record: number of the file's base record.
        type: DATA, INDEX_ALLOCATION and so on.
        name: empty for the unnamed stream.
        size: bytes; -1 if the part of the attribute that has the size is damaged.
        flags: flags of the attribute: compressed, encrypted, sparse.
    """

    record: int
    type: int
    name: str
    size: int
    flags: int


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner of a byte of the volume.

    Attributes:
        stream: the stream that has the byte; None if it is unallocated.
        offset: offset of the byte in the stream.
    """

    stream: Stream | None
    offset: int

    @property
    def behind_end(self) -> bool:
        """Whether the byte is slack: in the last cluster, after the end of the data."""
        return self.stream is not None and 0 <= self.stream.size <= self.offset


@dataclass(frozen=True, slots=True)
class Record:
    """A file record of the MFT with its update sequence undone."""

    number: int
    data: bytes

    @property
    def in_use(self) -> bool:
        """Whether the record is in use."""
        return bool(_RECORD.unpack_from(self.data, 0x14)[1] & _IN_USE)

    @property
    def base(self) -> int:
        """The number of the base record; its own number if it is a base record."""
        base = int(_RECORD.unpack_from(self.data, 0x14)[4]) & records.RECORD_MASK
        return base or self.number

    def attribute_at(self, position: int) -> tuple[int, str] | None:
        """The type and name of the attribute at a byte of the record, or None."""
        for kind, start, length in _attributes(self.data):
            if start <= position < start + length:
                return kind, _name(self.data, start)
        return None


class Clusters:
    """The clusters of a volume and their owners."""

    def __init__(self, volume: Volume) -> None:
        self.volume = volume
        self.size = volume.boot.cluster_size
        self.count = volume.boot.size // self.size
        self.streams: list[Stream] = []
        self._numbers: dict[tuple[int, int, str], int] = {}
        self._runs = array("q")  # stream, first cluster in it, cluster of the volume, clusters
        self._sorted: npt.NDArray[np.int64] | None = None
        self._paths: dict[int, str] = {records.ROOT: ""}

    # The MFT

    def scan(self) -> Iterator[list[Record]]:
        """Read the whole MFT, collect all runs, and yield the records in chunks."""
        size = self.volume.boot.record_size
        with self.volume.metadata(MFT) as mft:
            attribute = mft.attribute(records.DATA)
            total = attribute.size if attribute else 0
            for start in range(0, total, _CHUNK):
                raw = mft.read(records.DATA, "", start, _CHUNK)
                yield list(self._chunk(raw, start // size, size))

    def _chunk(self, raw: bytes, first: int, size: int) -> Iterator[Record]:
        for position in range(0, len(raw) - size + 1, size):
            if raw[position : position + 4] != b"FILE":
                continue
            number = first + position // size
            data = _fixed(raw[position : position + size])
            record = Record(number, data)
            if record.in_use:
                self._learn(record)
            yield record

    def _learn(self, record: Record) -> None:
        data, base = record.data, record.base
        for kind, start, length in _attributes(data):
            if not data[start + 8] or length < 64 or len(self._runs) > 4 * _MAX_RUNS:
                continue
            _, _, _, _, _, flags = _ATTRIBUTE.unpack_from(data, start)
            first, _, runs, _, _, size = _NON_RESIDENT.unpack_from(data, start + 16)
            name = _name(data, start)
            key = (base, kind, name)
            number = self._numbers.setdefault(key, len(self.streams))
            if number == len(self.streams):
                self.streams.append(Stream(base, kind, name, -1, flags))
            if first == 0:
                self.streams[number] = Stream(base, kind, name, size, flags)
            for vcn, cluster, clusters in _decoded(data[start + runs : start + length], first):
                if cluster >= 0 and cluster + clusters <= self.count:
                    self._runs.extend((number, vcn, cluster, clusters))

    # Owners

    @property
    def runs(self) -> npt.NDArray[np.int64]:
        """All runs as rows (stream, first cluster in it, cluster, clusters), sorted by cluster."""
        if self._sorted is None:
            rows = np.frombuffer(self._runs, np.int64).reshape(-1, 4)
            self._sorted = rows[np.argsort(rows[:, 2], kind="stable")]
        return self._sorted

    def owner(self, offset: int) -> Owner:
        """Return the owner of the byte at an offset of the volume."""
        rows, cluster = self.runs, offset // self.size
        index = int(np.searchsorted(rows[:, 2], cluster, side="right")) - 1
        if index >= 0:
            stream, vcn, first, clusters = rows[index].tolist()
            if cluster < first + clusters:
                inside = (vcn + cluster - first) * self.size + offset % self.size
                return Owner(self.streams[stream], inside)
        return Owner(None, 0)

    def seams(self) -> Iterator[tuple[Stream, int, int]]:
        """Yield the fragment boundaries of streams: stream, end of one fragment, start of the next."""
        rows = self.runs
        if not len(rows):
            return
        rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
        one, two = rows[:-1], rows[1:]
        joined = (one[:, 0] == two[:, 0]) & (one[:, 1] + one[:, 3] == two[:, 1])
        for index in np.flatnonzero(joined & (one[:, 2] + one[:, 3] != two[:, 2])).tolist():
            stream, _, first, clusters = one[index].tolist()
            yield (
                self.streams[stream],
                (first + clusters) * self.size,
                int(two[index, 2]) * self.size,
            )

    def extents(self, *, gap: int) -> Iterator[tuple[int, int]]:
        """Yield offset and size of allocated ranges; merge ranges less than `gap` bytes apart."""
        with self.volume.metadata(BITMAP_FILE) as inode:
            raw = inode.read(records.DATA, "", 0, (self.count + 7) // 8)
        bits = np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")[: self.count]
        edges = np.flatnonzero(np.diff(np.concatenate(([0], bits, [0])).astype(np.int8)))
        start = end = -1
        for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            if start >= 0 and (first - end) * self.size < gap:
                end = last
                continue
            if start >= 0:
                yield start * self.size, (end - start) * self.size
            start, end = first, last
        if start >= 0:
            yield start * self.size, (end - start) * self.size

    def path(self, record: int) -> str:
        """The path of a file by its record number; a part without a name is `<file N>`."""
        names: list[str] = []
        for _ in range(_MAX_DEPTH):
            if record in self._paths:
                break
            try:
                with self.volume.metadata(record) as inode:
                    found = [
                        one for one in inode.names() if one.namespace != records.NAME_DOS
                    ] or inode.names()
            except TreeError:
                found = []
            if not found:
                names.append(f"<file {record}>")
                record = records.ROOT
                break
            names.append(found[0].name)
            record = found[0].parent & records.RECORD_MASK
        return join(self._paths.get(record, ""), *reversed(names))


def _fixed(data: bytes) -> bytes:
    """Undo the update sequence; return a record with a damaged sequence unchanged."""
    start, count = _HEAD.unpack_from(data, 4)
    if count != len(data) // _SECTOR + 1 or start + 2 * count > len(data):
        return data
    fixed = bytearray(data)
    for index in range(1, count):
        place = index * _SECTOR - 2
        if data[place : place + 2] == data[start : start + 2]:
            fixed[place : place + 2] = data[start + 2 * index : start + 2 * index + 2]
    return bytes(fixed)


def _attributes(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield type, offset and length of each attribute of a file record."""
    position = _RECORD.unpack_from(data, 0x14)[0]
    while 0x18 <= position <= len(data) - 24:
        kind, length, *_ = _ATTRIBUTE.unpack_from(data, position)
        if kind == _END or length < 24 or position + length > len(data):
            return
        yield kind, position, length
        position += length


def _name(data: bytes, start: int) -> str:
    length, offset = data[start + 9], struct.unpack_from("<H", data, start + 10)[0]
    return records.decode_name(data[start + offset : start + offset + 2 * length])


def _decoded(runs: bytes, vcn: int) -> Iterator[tuple[int, int, int]]:
    """Yield (cluster in the stream, cluster of the volume, clusters) of a run list; no holes."""
    position = cluster = 0
    while position < len(runs) and runs[position]:
        lengths, offsets = runs[position] & 15, runs[position] >> 4
        end = position + 1 + lengths + offsets
        if not 0 < lengths <= 8 or offsets > 8 or end > len(runs):
            return
        count = int.from_bytes(runs[position + 1 : position + 1 + lengths], "little")
        if offsets:
            raw = runs[position + 1 + lengths : end]
            cluster += int.from_bytes(raw, "little", signed=True)
            if not 0 <= cluster < 1 << 48 or count >= 1 << 48 or vcn >= 1 << 48:
                return
            yield vcn, cluster, count
        vcn += count
        position = end
