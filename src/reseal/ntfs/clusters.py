"""Map each cluster of a volume to its file, in one pass over the MFT.

Run lists are used up to the first damage; clusters in the rest of a damaged list count as unallocated.
Layout: documented by the Linux-NTFS project.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from reseal.ntfs import records
from reseal.ntfs.mft import Chunk, Names, Numbers, Pieces
from reseal.ntfs.volume import Volume
from reseal.tree import TreeError, join

MFT = 0
BITMAP_FILE = 6
#: Bytes of the MFT held in memory.
_CHUNK = 1 << 20
_MAX_DEPTH = 512
#: Paths that are kept, since the occurrences in a volume are in few files and folders.
_MAX_PATHS = 100_000
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


class _Streams:
    """All streams of a volume; a `Stream` is made when it is asked for.

    Attributes:
        numbers: the number of the stream to which each part of a stream belongs.
    """

    def __init__(self, rows: Numbers, names: list[str]) -> None:
        """Unite the parts that lie in several file records.

        Args:
            rows: the parts, as `Pieces.columns`.
            names: the names of streams by number.
        """
        self._names = names
        order = np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))
        ordered = rows[order, :3]
        new = np.concatenate(([True], (ordered[1:] != ordered[:-1]).any(axis=1)))[: len(rows)]
        firsts = order[new]
        by_place = np.argsort(firsts)
        ranks = np.empty(len(firsts), np.int64)
        ranks[by_place] = np.arange(len(firsts))
        self.numbers: Numbers = np.empty(len(rows), np.int64)
        self.numbers[order] = ranks[np.cumsum(new) - 1]
        self._rows = rows[firsts[by_place]]
        self._rows[:, 5] = -1
        # The part with the first cluster has the size.
        parts = np.flatnonzero(rows[:, 4] == 0)
        self._rows[self.numbers[parts], 3] = rows[parts, 3]
        self._rows[self.numbers[parts], 5] = rows[parts, 5]

    def __getitem__(self, number: int) -> Stream:
        record, kind, name, flags, _, size = self._rows[number].tolist()
        return Stream(record, kind, self._names[name], size, flags)

    def transformed(self, names: tuple[str, ...]) -> Iterator[Stream]:
        """Yield the data streams that are compressed or encrypted, or have one of these names."""
        flags = records.ATTRIBUTE_COMPRESSED | records.ATTRIBUTE_ENCRYPTED
        numbers = [number for number, name in enumerate(self._names) if name in names]
        chosen = (self._rows[:, 3] & flags != 0) | np.isin(self._rows[:, 2], numbers)
        for number in np.flatnonzero(chosen & (self._rows[:, 1] == records.DATA)).tolist():
            yield self[number]


class Clusters:
    """The clusters of a volume and their owners."""

    def __init__(self, volume: Volume) -> None:
        self.volume = volume
        self.size = volume.boot.cluster_size
        self.count = volume.boot.size // self.size
        self._names = Names()
        self._columns: list[Numbers] = []
        self._found: list[Numbers] = []
        self._count = self._runs = 0
        self._streams: _Streams | None = None
        self._sorted: Numbers | None = None
        self._paths = {records.ROOT: ""}

    # The MFT

    def scan(self) -> Iterator[Chunk]:
        """Read the whole MFT, collect all runs, and yield the records in chunks."""
        size = self.volume.boot.record_size
        with self.volume.metadata(MFT) as mft:
            attribute = mft.attribute(records.DATA)
            total = attribute.size if attribute else 0
            for start in range(0, total, _CHUNK):
                chunk = Chunk(mft.read(records.DATA, "", start, _CHUNK), start // size, size)
                self._learn(chunk.pieces(self._names))
                yield chunk

    def _learn(self, pieces: Pieces) -> None:
        if self._runs > _MAX_RUNS:
            return
        runs = pieces.runs
        inside = (runs[:, 2] >= 0) & (runs[:, 2] + runs[:, 3] <= self.count)
        runs = runs[inside]
        runs[:, 0] += self._count
        self._columns.append(pieces.columns)
        self._found.append(runs)
        self._count += len(pieces.columns)
        self._runs += len(runs)

    # Streams

    @property
    def streams(self) -> _Streams:
        """The streams that the scan found."""
        if self._streams is None:
            rows = np.concatenate([np.zeros((0, 6), np.int64), *self._columns])
            self._streams = _Streams(rows, self._names.all)
            self._columns.clear()
        return self._streams

    # Owners

    @property
    def runs(self) -> Numbers:
        """All runs as rows (stream, first cluster in it, cluster, clusters), sorted by cluster."""
        if self._sorted is None:
            rows = np.concatenate([np.zeros((0, 4), np.int64), *self._found])
            self._found.clear()
            rows[:, 0] = self.streams.numbers[rows[:, 0]]
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
        below: list[tuple[int, str]] = []
        while record not in self._paths:
            name, above = self._name(record)
            below.append((record, name))
            if len(below) == _MAX_DEPTH:
                above = records.ROOT
            record = above
        path = self._paths[record]
        if len(self._paths) > _MAX_PATHS:
            self._paths = {records.ROOT: ""}
        for number, name in reversed(below):
            path = join(path, name)
            self._paths[number] = path
        return path

    def _name(self, record: int) -> tuple[str, int]:
        """Return the name of a file and the record of its folder."""
        try:
            with self.volume.metadata(record) as inode:
                names = inode.names()
        except TreeError:
            names = []
        for one in sorted(names, key=lambda one: one.namespace == records.NAME_DOS):
            return one.name, one.parent & records.RECORD_MASK
        return f"<file {record}>", records.ROOT
