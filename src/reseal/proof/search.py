"""Search a whole volume, or a folder, for what identified a machine.

A volume is read from end to end as it lies on the disk, and what is found is followed to its file
through the run lists of the MFT. Besides, what does not lie there in one piece is looked at on its
own: the file records with their update sequence undone, the seams of fragmented streams, what NTFS or
CompactOS compressed, and the hives after their logs were replayed.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from reseal.errors import ImageError
from reseal.ntfs import records
from reseal.ntfs.clusters import MFT, Clusters, Record
from reseal.proof import hives
from reseal.proof.hits import MAX_HITS, Hit, Hits, Place
from reseal.proof.needles import Needle, needles, too_short
from reseal.proof.scanner import Scanner
from reseal.regf import Hive, RegfError
from reseal.tree import TreeError, walk
from reseal.windows import content
from reseal.windows.names import LOG_SUFFIXES, MACHINE_HIVES, MAX_HIVE_SIZE

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from reseal.ntfs import Volume
    from reseal.ntfs.clusters import Stream
    from reseal.proof.identity import MachineIdentity
    from reseal.run.opening import Found
    from reseal.tree import Tree
    from reseal.windows import Installation

#: Bytes that are read at once, and the largest hole that is read over rather than skipped.
BLOCK = 4 << 20
_GAP = 1 << 20
#: Blocks that are read ahead.
_AHEAD = 2
#: A compressed file above this is not looked into; that is said.
_MAX_COMPRESSED = 1 << 30
_SECURE = 9
_WOF_STREAM = "WofCompressedData"
_FIRST_USER_FILE = records.FIRST_USER_FILE
_STREAM_READ = 16 << 20


@dataclass(slots=True)
class Search:
    """What was looked through and what was found.

    Attributes:
        hits: grouped by place.
        bytes_read: of the volume or of files.
        seconds: that it took.
        files: hives and compressed files that were looked at on their own.
        deep: whether unallocated clusters were looked at.
        not_searched: whole sentences on what could not be looked at.
    """

    hits: Hits = field(default_factory=Hits)
    bytes_read: int = 0
    seconds: float = 0.0
    files: int = 0
    deep: bool = False
    not_searched: list[str] = field(default_factory=list)


def search(
    found: Found,
    identity: MachineIdentity,
    *,
    deep: bool = False,
) -> Search:
    """Look for an identity on the volume of an installation, or in the folder that holds it.

    Args:
        found: the installation.
        identity: what to look for.
        deep: whether to look at unallocated clusters too.

    Raises:
        ImageError: the volume can't be read.
    """
    start = time.perf_counter()
    result = Search(deep=deep)
    result.not_searched += [
        f"{value!r} is too short to be told from chance." for value in too_short(identity)
    ]
    scanner = Scanner(needles(identity))
    if found.volume is None:
        _Folder(found.installation, scanner, result).run()
    else:
        _Volume(found.installation, found.volume, scanner, result).run(deep=deep)
    result.seconds = time.perf_counter() - start
    if result.hits.full:
        result.not_searched.append(
            "Too much was found to follow all of it; the search was ended there."
        )
    if result.hits.dropped:
        result.not_searched.append(
            f"{result.hits.dropped} more occurrences are in places that are not listed."
        )
    return result


class _Seeker:
    """What the search of a volume and of a folder have in common."""

    def __init__(self, installation: Installation, scanner: Scanner, result: Search) -> None:
        self.installation = installation
        self.tree: Tree = installation.tree
        self.scanner = scanner
        self.result = result

    def add(self, needle: Needle, place: Place, path: str, key: str = "", offset: int = 0) -> None:
        self.result.hits.add(Hit(needle.kind, needle.value, needle.form, place, path, key, offset))

    def in_stream(self, path: str, blocks: Iterator[bytes], place: Place = Place.CONTENT) -> None:
        """Scan the blocks of one file, which follow one another."""
        tail, position = b"", 0
        keep = self.scanner.longest + 1
        for block in blocks:
            data = tail + block
            begin = position - len(tail)
            for at, index in self.scanner.find(data):
                # What ends within the tail was found in the block before.
                if at + len(self.scanner.needles[index].data) > len(tail):
                    self.add(self.scanner.needles[index], place, path, "", begin + at)
            position += len(block)
            self.result.bytes_read += len(block)
            tail = data[-keep:]
            if self.result.hits.full:
                return

    def in_hive(self, path: str) -> bool:
        """Scan a hive after its logs were replayed; false where it can't be opened as one."""
        try:
            hive = self._hive(path)
        except (RegfError, TreeError):
            return False
        data = bytes(hive.cells.data)
        found: dict[int, list[Needle]] = {}
        for at, index in self.scanner.find(data):
            found.setdefault(at, []).append(self.scanner.needles[index])
        shown = self._shown(path)
        for at, (place, key) in hives.places(hive, found).items():
            for needle in found[at]:
                self.add(needle, place, path, rf"{shown}\{key}" if key else "", at)
        self.result.files += 1
        return True

    def _hive(self, path: str) -> Hive:
        for loaded in self.installation.registry.loaded.values():
            if loaded.file.lower() == path.lower():
                return loaded.hive
        logs = {}
        for suffix in LOG_SUFFIXES:
            stat = self.tree.stat(f"{path}.{suffix}")
            if stat and not stat.is_directory and 0 < stat.size <= MAX_HIVE_SIZE:
                logs[suffix] = self.tree.read(f"{path}.{suffix}")
        stat = self.tree.stat(path)
        if stat is None or stat.size > MAX_HIVE_SIZE:
            msg = f"{path} is no hive"
            raise RegfError(msg)
        return Hive.open(self.tree.read(path), logs, name=path)

    def _shown(self, path: str) -> str:
        """How the registry names the root of a hive file; the file's own path for others."""
        registry = self.installation.registry
        for name in MACHINE_HIVES:
            if (registry.file(name) or "").lower() == path.lower():
                return r"HKU\.DEFAULT" if name == "DEFAULT" else rf"HKLM\{name}"
        for sid in registry.profiles:
            if (registry.file(sid) or "").lower() == path.lower():
                return rf"HKU\{sid}"
        return f"[{path}]"

    def in_compressed(self, path: str, stream: str = "") -> None:
        """Scan a file that has to be decompressed."""
        try:
            stat = self.tree.stat(path)
            size = stat.size if stat else 0
            if size > _MAX_COMPRESSED:
                msg = f"it has {size} bytes"
                raise TreeError(msg)
            if stat is not None and stat.reparse_tag and not stream:
                blocks = iter((content.read(self.tree, path),))
            else:
                blocks = self._blocks(path, stream)
            self.in_stream(f"{path}:{stream}" if stream else path, blocks)
            self.result.files += 1
        except ImageError as error:
            self.result.not_searched.append(f"{path} is compressed and was not searched: {error}")

    def _blocks(self, path: str, stream: str = "") -> Iterator[bytes]:
        offset = 0
        while block := self.tree.read(path, offset, _STREAM_READ, stream=stream):
            yield block
            offset += len(block)


class _Folder(_Seeker):
    """A folder that holds an installation: every file by its name."""

    def run(self) -> None:
        for path, entry in walk(self.tree, ""):
            self._name(path)
            if entry.is_directory or self.result.hits.full:
                continue
            try:
                if self.tree.read(path, 0, 4) == hives.SIGNATURE and self.in_hive(path):
                    self.result.bytes_read += entry.size
                    continue
                place = Place.HIVE_LOG if is_hive_log(path) else Place.CONTENT
                self.in_stream(path, self._blocks(path), place)
            except ImageError as error:
                self.result.not_searched.append(f"{path} was not searched: {error}")

    def _name(self, path: str) -> None:
        raw = path.rpartition("\\")[2].encode("utf-16-le", "surrogatepass")
        for _, index in self.scanner.find(raw + bytes(4)):
            self.add(self.scanner.needles[index], Place.NAME, path)


class _Volume(_Seeker):
    """An NTFS volume, read as it lies on the disk."""

    def __init__(
        self, installation: Installation, volume: Volume, scanner: Scanner, result: Search
    ) -> None:
        super().__init__(installation, scanner, result)
        self.volume = volume
        self.clusters = Clusters(volume)
        self._special: dict[str, bool] = {}

    def run(self, *, deep: bool) -> None:
        self._records()
        # Closed at once, since the reader of blocks must be done before files are read again.
        with closing(self._raw(deep=deep)) as everything:
            raw = list(islice(everything, MAX_HITS))
        self.result.hits.ended = len(raw) == MAX_HITS
        self._seams()
        for at, index in raw:
            self._follow(at, self.scanner.needles[index], deep=deep)
        self._compressed()

    # File records

    def _records(self) -> None:
        for chunk in self.clusters.scan():
            data = b"".join(record.data for record in chunk)
            self.result.bytes_read += len(data)
            size = self.volume.boot.record_size
            for at, index in self.scanner.find(data):
                self._in_record(chunk[at // size], at % size, self.scanner.needles[index])

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
        if deep:
            yield 0, self.volume.boot.size
        else:
            yield from self.clusters.extents(gap=_GAP)

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
        pieces = (
            (start, min(BLOCK, offset + size - start))
            for offset, size in self._extents(deep=deep)
            for start in range(offset, offset + size, BLOCK)
        )
        pending: deque[tuple[int, Future[bytes]]] = deque()
        with ThreadPoolExecutor(1) as reader:
            for start, size in pieces:
                pending.append((start, reader.submit(self.volume.device.read, start, size)))
                if len(pending) > _AHEAD:
                    yield self._read(pending)
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
        for stream in self.clusters.streams:
            if stream.type != records.DATA or stream.record < _FIRST_USER_FILE:
                continue
            if stream.flags & records.ATTRIBUTE_ENCRYPTED:
                path = self._path(stream)
                self.result.not_searched.append(f"{path} is encrypted (EFS).")
            elif stream.name == _WOF_STREAM:
                self.in_compressed(self.clusters.path(stream.record))
            elif stream.flags & records.ATTRIBUTE_COMPRESSED:
                self.in_compressed(self.clusters.path(stream.record), stream.name)


def is_hive_log(path: str) -> bool:
    """Whether a file's name is that of a hive's log."""
    base, _, suffix = path.rpartition("\\")[2].upper().rpartition(".")
    if suffix == "LOG":
        return base in MACHINE_HIVES or base.endswith(".DAT")
    return suffix in LOG_SUFFIXES
