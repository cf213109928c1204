"""Parse the file records of the MFT many at a time.

A volume has hundreds of thousands of file records, so the usual form of a record is read with numpy: the
update sequence, the chain of attributes, and run lists of a single run. What deviates is parsed one by one.
Layout: documented by the Linux-NTFS project.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from reseal.ntfs import records

Numbers: TypeAlias = npt.NDArray[np.int64]
Raw: TypeAlias = npt.NDArray[np.uint8]
#: Cluster in the attribute, cluster of the volume, clusters.
_Run: TypeAlias = tuple[int, int, int]

_IN_USE = 0x1
_END = 0xFFFFFFFF
_FILE = int.from_bytes(b"FILE", "little")
_HEAD = struct.Struct("<HH")
_RECORD = struct.Struct("<HHIIQ")  # first attribute, flags, used, allocated, base record: at 0x14
_ATTRIBUTE = struct.Struct("<IIBBHH")
_NON_RESIDENT = struct.Struct("<qqHH4xqq")  # at 16: vcns, run list, unit, allocated, size
_SECTOR = 512
#: Bytes of an attribute's header, resident and not.
_HEADER, _OUTSIDE = 24, 64
#: Clusters are counted in fewer bits (documented).
_CLUSTER_LIMIT = 1 << 48


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


@dataclass(frozen=True, slots=True)
class Pieces:
    """Non-resident attributes, or parts of them, as parallel columns.

    Attributes:
        columns: rows of: number of the file's base record, type, number of the name, flags, first cluster of
            the attribute in this record, and bytes of the attribute. Only the row with cluster 0 has these.
        runs: rows of: index in `columns`, cluster in the attribute, cluster of the volume, clusters.
    """

    columns: Numbers
    runs: Numbers


class Names:
    """The names of attributes, each once; the first is empty."""

    def __init__(self) -> None:
        self.all = [""]
        self._numbers = {"": 0}

    def number(self, name: str) -> int:
        """Return the number of a name, and learn it."""
        found = self._numbers.setdefault(name, len(self.all))
        if found == len(self.all):
            self.all.append(name)
        return found


class Chunk:
    """Consecutive file records.

    Attributes:
        data: the records that have a signature, one after another, with their update sequences undone.
        numbers: their numbers.
    """

    def __init__(self, raw: bytes, first: int, size: int) -> None:
        """Undo the update sequences.

        Args:
            raw: bytes of the MFT from a record on.
            first: the number of this record.
            size: bytes of a record.
        """
        self._size = size
        count = len(raw) // size
        rows = np.frombuffer(raw, np.uint8, count * size).reshape(count, size)
        signatures = np.ascontiguousarray(rows[:, :4]).view("<u4")[:, 0]
        present = np.flatnonzero(signatures == _FILE)
        self.numbers: Numbers = present + first
        # A copy, even if all records are there: `raw` can't be changed.
        self._rows: Raw = rows[present]
        self._undo()
        self.data = self._rows.tobytes()

    def record(self, position: int) -> Record:
        """Return the record at a byte of `data`."""
        index = position // self._size
        data = self.data[index * self._size : (index + 1) * self._size]
        return Record(int(self.numbers[index]), data)

    def _undo(self) -> None:
        """Undo the update sequences; leave a record with a damaged sequence unchanged."""
        heads = np.ascontiguousarray(self._rows[:, 4:8]).view("<u2")
        starts, counts = heads[:, 0].astype(np.int64), heads[:, 1].astype(np.int64)
        fine = (counts == self._size // _SECTOR + 1) & (starts + 2 * counts <= self._size)
        for start in np.unique(starts[fine]).tolist():
            chosen = np.flatnonzero(fine & (starts == start))
            block = self._rows[chosen]
            for index in range(1, self._size // _SECTOR + 1):
                end = index * _SECTOR
                same = (block[:, end - 2 : end] == block[:, start : start + 2]).all(axis=1)
                saved = block[:, start + 2 * index : start + 2 * index + 2]
                block[same, end - 2 : end] = saved[same]
            self._rows[chosen] = block

    # Attributes

    def pieces(self, names: Names) -> Pieces:
        """Return what the records in use say of clusters, in the order of the records."""
        places, odd = self._outside()
        columns, runs = self._plain(places, names)
        if odd:
            more = [one for index in odd for one in _pieces(self.record(index * self._size), names)]
            count = len(columns)
            columns = np.concatenate([columns, _table([row for row, _ in more], 6)])
            extra = [
                (count + number, *run) for number, (_, found) in enumerate(more) for run in found
            ]
            runs = np.concatenate([runs, _table(extra, 4)])
        return Pieces(columns, runs)

    def _words(self, kind: str, places: Numbers) -> Numbers:
        """Return the numbers at aligned places of all records."""
        view = self._rows.reshape(-1).view(kind)
        found: Numbers = view[places // view.itemsize].astype(np.int64)
        return found

    def _outside(self) -> tuple[Numbers, list[int]]:
        """Return the places of non-resident attributes, and the indexes of irregular records."""
        count = len(self._rows)
        base = np.arange(count, dtype=np.int64) * self._size
        if not count or self._size % 8:
            return np.zeros(0, np.int64), list(range(count))
        in_use = self._words("<u2", base + 0x16) & _IN_USE != 0
        position = self._words("<u2", base + 0x14)
        active, odd = np.flatnonzero(in_use), list[int]()
        places: list[Numbers] = []
        irregular = np.zeros(count, np.bool_)
        while len(active):
            at = position[active]
            inside = (at >= 0x18) & (at <= self._size - _HEADER)
            irregular[active[inside & (at % 8 != 0)]] = True
            active = active[inside & (at % 8 == 0)]
            start = base[active] + position[active]
            kind, length = self._words("<u4", start), self._words("<u4", start + 4)
            whole = (kind != _END) & (length >= _HEADER) & (position[active] + length <= self._size)
            active, start, length = active[whole], start[whole], length[whole]
            outside = (self._words("u1", start + 8) != 0) & (length >= _OUTSIDE)
            places.append(start[outside])
            position[active] += length
        odd = np.flatnonzero(irregular).tolist()
        found = np.sort(np.concatenate(places)) if places else np.zeros(0, np.int64)
        return found[~irregular[found // self._size]], odd

    def _plain(self, places: Numbers, names: Names) -> tuple[Numbers, Numbers]:
        """Return the columns and the runs of the attributes at these places."""
        owners = places // self._size
        above = self._words("<u8", owners * self._size + 0x20) & records.RECORD_MASK
        first = self._words("<i8", places + 16)
        named = np.zeros(len(places), np.int64)
        for index in np.flatnonzero(self._words("u1", places + 9)).tolist():
            begin = int(owners[index]) * self._size
            record = self.data[begin : begin + self._size]
            named[index] = names.number(_name(record, int(places[index]) - begin))
        columns = np.stack(
            [
                np.where(above != 0, above, self.numbers[owners]),
                self._words("<u4", places),
                named,
                self._words("<u2", places + 12),
                first,
                self._words("<i8", places + 48),
            ],
            axis=1,
        )
        begins = places + self._words("<u2", places + 32)
        ends = places + self._words("<u4", places + 4)
        single, cluster, clusters = self._single(begins, ends)
        single &= (first >= 0) & (first < _CLUSTER_LIMIT)
        chosen = np.flatnonzero(single)
        plain = np.stack([chosen, first[chosen], cluster[chosen], clusters[chosen]], axis=1)
        others = [
            (number, *run)
            for number in np.flatnonzero(~single).tolist()
            for run in _decoded(self.data[begins[number] : ends[number]], int(first[number]))
        ]
        return columns, np.concatenate([plain, _table(others, 4)])

    def _single(
        self, runs: Numbers, ends: Numbers
    ) -> tuple[npt.NDArray[np.bool_], Numbers, Numbers]:
        """Decode run lists of one run: whether a list is one, its cluster and number of clusters."""
        flat = self._rows.reshape(-1)
        last = len(flat) - 1
        head = flat[np.minimum(runs, last)].astype(np.int64)
        lengths, offsets = head & 15, head >> 4
        after = runs + 1 + lengths + offsets
        single = (lengths > 0) & (lengths < 7) & (offsets > 0) & (offsets < 7) & (after < ends)
        single &= flat[np.minimum(after, last)] == 0
        count = np.zeros(len(runs), np.int64)
        cluster = np.zeros(len(runs), np.int64)
        for index in range(6):
            byte = flat[np.minimum(runs + 1 + index, last)].astype(np.int64)
            count += np.where(index < lengths, byte << 8 * index, 0)
            byte = flat[np.minimum(runs + 1 + lengths + index, last)].astype(np.int64)
            cluster += np.where(index < offsets, byte << 8 * index, 0)
        # Negative for the first run means damage.
        negative = cluster >> (8 * np.minimum(offsets, 6) - 1) & 1
        return single & (negative == 0), cluster, count


def _pieces(record: Record, names: Names) -> Iterator[tuple[tuple[int, ...], list[_Run]]]:
    """Parse one record: yield a row of columns, and the runs, of each attribute."""
    data = record.data
    if not record.in_use:
        return
    for kind, start, length in _attributes(data):
        if not data[start + 8] or length < _OUTSIDE:
            continue
        flags = _ATTRIBUTE.unpack_from(data, start)[5]
        first, _, runs, _, _, size = _NON_RESIDENT.unpack_from(data, start + 16)
        decoded = list(_decoded(data[start + runs : start + length], first))
        yield (record.base, kind, names.number(_name(data, start)), flags, first, size), decoded


def _table(rows: Sequence[tuple[int, ...]], width: int) -> Numbers:
    return np.array(rows, np.int64).reshape(-1, width)


def _attributes(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield type, offset and length of each attribute of a file record."""
    position = _RECORD.unpack_from(data, 0x14)[0]
    while 0x18 <= position <= len(data) - _HEADER:
        kind, length, *_ = _ATTRIBUTE.unpack_from(data, position)
        if kind == _END or length < _HEADER or position + length > len(data):
            return
        yield kind, position, length
        position += length


def _name(data: bytes, start: int) -> str:
    length, offset = data[start + 9], struct.unpack_from("<H", data, start + 10)[0]
    return records.decode_name(data[start + offset : start + offset + 2 * length])


def _decoded(runs: bytes, vcn: int) -> Iterator[_Run]:
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
            if (
                not 0 <= cluster < _CLUSTER_LIMIT
                or count >= _CLUSTER_LIMIT
                or vcn >= _CLUSTER_LIMIT
            ):
                return
            yield vcn, cluster, count
        vcn += count
        position = end
