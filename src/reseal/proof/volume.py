"""The search of an NTFS volume, read as it lies on the disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice

from reseal.disk.device import SparseDevice
from reseal.errors import ImageError
from reseal.ntfs import Volume, records
from reseal.ntfs.clusters import MFT, Clusters, Stream
from reseal.ntfs.mft import Record
from reseal.proof import hives
from reseal.proof.hits import MAX_HITS, Place, Search
from reseal.proof.needles import Needle
from reseal.proof.scanner import Scanner
from reseal.proof.seeker import Seeker, is_hive_log
from reseal.tree import TreeError
from reseal.windows import Installation, content

#: Bytes that are read at once, and the largest hole that is read over rather than skipped.
BLOCK = 4 << 20
_GAP = 1 << 20
#: Longer than any form of an identity.
_PAGE = 4096
#: Blocks that are read ahead.
_AHEAD = 2
#: A compressed file above this is not looked into; that is said.
_MAX_COMPRESSED = 1 << 30
_SECURE = 9
_WOF_STREAM = "WofCompressedData"
_FIRST_USER_FILE = records.FIRST_USER_FILE


class VolumeSeeker(Seeker):
    """An NTFS volume, read as it lies on the disk."""

    def __init__(
        self,
        installation: Installation,
        volume: Volume,
        scanner: Scanner,
        result: Search,
        name: str = "",
        tell: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> None:
        super().__init__(installation, volume, scanner, result, name)
        self.volume = volume
        self.clusters = Clusters(volume)
        self._tell = tell
        self._special: dict[str, bool] = {}

    def run(self, *, deep: bool) -> None:
        """Look at the whole volume; at unallocated clusters, too, where that is asked for."""
        self._records()
        # Closed at once, since the reader of blocks must be done before files are read again.
        with closing(self._raw(deep=deep)) as everything:
            raw = list(islice(everything, MAX_HITS))
        self.result.hits.ended |= len(raw) == MAX_HITS
        self._seams()
        for at, index in raw:
            self._follow(at, self.scanner.needles[index], deep=deep)
        self._compressed()

    # File records

    def _records(self) -> None:
        size = self.volume.boot.record_size
        for chunk in self.clusters.scan():
            self.result.bytes_read += len(chunk.data)
            for at, index in self.scanner.find(chunk.data):
                self._in_record(chunk.record(at), at % size, self.scanner.needles[index])

    def _in_record(self, record: Record, at: int, needle: Needle) -> None:
        attribute = record.attribute_at(at) if record.in_use else None
        path = self.clusters.path(record.base) if record.in_use else f"<file {record.number}>"
        if attribute is None:
            self.add(needle, Place.DELETED, path, "", at)
            return
        kind, name = attribute
        if kind == records.FILE_NAME:
            self.add(needle, Place.NAME, path, "", at)
        elif kind == records.DATA:
            self._in_data(needle, f"{path}:{name}" if name else path, at)
        elif kind == records.INDEX_ROOT:
            self.add(needle, Place.INDEX, path, "", at)
        else:
            self.add(needle, Place.FILE_SYSTEM, path, "", at)

    # The disk

    def _extents(self, *, deep: bool) -> Iterator[tuple[int, int]]:
        if not deep:
            yield from self.clusters.extents(gap=_GAP)
            return
        device, size = self.volume.device, self.volume.boot.size
        if not isinstance(device, SparseDevice):
            yield 0, size
            return
        # What the container reports as zeros holds nothing. An occurrence may reach into it, since many
        # forms of an identity begin or end with zeros.
        first = last = 0
        for offset, length in device.data(0, size):
            start, end = max(offset - _PAGE, 0), min(offset + length + _PAGE, size)
            if start - last < _GAP:
                last = end
                continue
            if last > first:
                yield first, last - first
            first, last = start, end
        if last > first:
            yield first, last - first

    def _raw(self, *, deep: bool) -> Generator[tuple[int, int], None, None]:
        """Yield place and needle of everything found on the disk, as it lies there."""
        keep = self.scanner.longest - 1
        tail, end = b"", -1
        for start, block in self._blocks_of_disk(deep=deep):
            if start == end and keep:
                # What begins in one block and ends in the next.
                for at, index in self.scanner.find(tail + block[:keep]):
                    if at < len(tail) < at + len(self.scanner.needles[index].data):
                        yield start - len(tail) + at, index
            for at, index in self.scanner.find(block):
                yield start + at, index
            end = start + len(block)
            tail = block[-keep:] if keep else b""

    def _blocks_of_disk(self, *, deep: bool) -> Iterator[tuple[int, bytes]]:
        """Yield offset and bytes of each block; the next is read while one is looked at."""
        extents = list(self._extents(deep=deep))
        total = sum(size for _, size in extents)
        pieces = (
            (start, min(BLOCK, offset + size - start))
            for offset, size in extents
            for start in range(offset, offset + size, BLOCK)
        )
        pending: deque[tuple[int, Future[bytes]]] = deque()
        done = 0
        with ThreadPoolExecutor(1) as reader:
            for start, size in pieces:
                pending.append((start, reader.submit(self.volume.device.read, start, size)))
                if len(pending) > _AHEAD:
                    yield self._read(pending)
                    self._tell(done := done + size, total)
            while pending:
                yield self._read(pending)

    def _read(self, pending: deque[tuple[int, Future[bytes]]]) -> tuple[int, bytes]:
        start, future = pending.popleft()
        block = future.result()
        self.result.bytes_read += len(block)
        return start, block

    def _seams(self) -> None:
        """Look at occurrences that begin in one piece of a fragmented stream and end in the next."""
        reach = self.scanner.longest - 1
        for stream, end, start in self.clusters.seams():
            head = min(reach, end)
            before = self.volume.read_raw(end - head, head)
            after = self.volume.read_raw(start, min(reach, self.volume.boot.size - start))
            for at, index in self.scanner.find(before + after):
                needle = self.scanner.needles[index]
                if at < head < at + len(needle.data):
                    offset = self.clusters.owner(end - head + at).offset
                    self._in_owner(stream, offset, needle)

    def _follow(self, at: int, needle: Needle, *, deep: bool) -> None:
        owner = self.clusters.owner(at)
        if owner.stream is None:
            if deep:
                self.add(needle, Place.UNALLOCATED, "", "", at)
            return
        if owner.stream.record == MFT and not owner.stream.name:
            return  # looked at record by record
        if owner.behind_end:
            self.add(needle, Place.SLACK, self._path(owner.stream), "", owner.offset)
            return
        self._in_owner(owner.stream, owner.offset, needle)

    def _path(self, stream: Stream) -> str:
        path = self.clusters.path(stream.record)
        return f"{path}:{stream.name}" if stream.name and stream.type == records.DATA else path

    def _in_owner(self, stream: Stream, offset: int, needle: Needle) -> None:
        path = self._path(stream)
        if stream.record == _SECURE:
            self.add(needle, Place.DESCRIPTOR, path, "", offset)
        elif stream.type == records.INDEX_ALLOCATION:
            self.add(needle, Place.INDEX, path, "", offset)
        elif stream.type != records.DATA or path.startswith("$"):
            self.add(needle, Place.FILE_SYSTEM, path, "", offset)
        else:
            self._in_data(needle, path, offset)

    def _in_data(self, needle: Needle, path: str, offset: int) -> None:
        if is_hive_log(path):
            self.add(needle, Place.HIVE_LOG, path, "", offset)
            # What the log adds to the hive is seen there.
            self._in_whole_hive(path.rpartition(".")[0])
        elif not self._in_whole_hive(path):
            self.add(needle, Place.CONTENT, path, "", offset)

    def _in_whole_hive(self, path: str) -> bool:
        """Whether the file is a hive; it is looked at once, as a whole."""
        key = path.lower()
        if key not in self._special:
            self._special[key] = False
            try:
                head = b"" if ":" in path else self.tree.read(path, 0, 4)
            except TreeError:
                head = b""
            if head == hives.SIGNATURE:
                self._special[key] = self.in_hive(path)
        return self._special[key]

    # What does not lie there as it reads

    def _compressed(self) -> None:
        for stream in self.clusters.streams.transformed((_WOF_STREAM,)):
            if stream.record < _FIRST_USER_FILE:
                continue
            if stream.flags & records.ATTRIBUTE_ENCRYPTED:
                path = self.in_image(self._path(stream))
                self.result.not_searched.append(f"{path} is encrypted (EFS).")
            elif stream.name == _WOF_STREAM:
                self.in_compressed(self.clusters.path(stream.record))
            elif stream.flags & records.ATTRIBUTE_COMPRESSED:
                self.in_compressed(self.clusters.path(stream.record), stream.name)

    def in_compressed(self, path: str, stream: str = "") -> None:
        """Scan a file that has to be decompressed."""
        try:
            stat = self.tree.stat(path)
            size = stat.size if stat else 0
            if size > _MAX_COMPRESSED:
                msg = f"it has {size} bytes"
                raise TreeError(msg)
            if stat is not None and stat.reparse_tag and not stream:
                blocks = iter((content.read(self.volume, path),))
            else:
                blocks = self._blocks(path, stream)
            self.in_stream(f"{path}:{stream}" if stream else path, blocks)
            self.result.files += 1
        except ImageError as error:
            shown = self.in_image(path)
            self.result.not_searched.append(f"{shown} is compressed and was not searched: {error}")
