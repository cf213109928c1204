"""A registry hive: opened from its bytes, edited in memory, given back as bytes."""

from __future__ import annotations

import struct
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from reseal.regf import baseblock, descriptors, node, security, verify
from reseal.regf.baseblock import BaseBlock
from reseal.regf.cells import BIN_HEADER, PAGE, Cells
from reseal.regf.errors import RegfError
from reseal.regf.key import Key
from reseal.regf.logs import Recovery, highest_sequence, recover

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reseal.regf.baseblock import Content
    from reseal.regf.verify import Violation

#: 100 ns between 1601-01-01, where FILETIME begins, and 1970-01-01.
_EPOCH_1970 = 116444736000000000
_BIN_TIMESTAMP = baseblock.SIZE + 20


class Hive:
    """A hive in memory.

    The bytes are kept as they are; Python objects exist only for what is touched, and only the
    4 KiB pages that change are written back.

    Attributes:
        name: what messages call the hive.
        recovery: what was done to make the hive whole when it was opened.
        read_only: edits raise RegfError.
        timestamp: FILETIME that edits put into last-written times; None for the present time.
        cells: the cells below.
        security: the security cells, for edits.
        root_offset: offset of the root key's cell.
        moved: where renamed keys went: (offset, epoch) to (offset, epoch).
        touched: offsets of the keys that were edited.
        next_sequence: sequence number that the base block gets when the hive is written.
    """

    def __init__(
        self,
        name: str,
        data: Content,
        pages: set[int],
        recovery: Recovery,
        *,
        read_only: bool = False,
    ) -> None:
        base = BaseBlock.parse(data)
        assert base is not None
        baseblock.check(base, data, name)
        self.name = name
        self.recovery = recovery
        self.read_only = read_only
        self.timestamp: int | None = None
        self.cells = Cells(name, data, base.bins_size, base.minor)
        self.cells.pages |= pages
        self.security = security.SecurityCells(self.cells)
        self.root_offset = base.root
        self.moved: dict[tuple[int, int], tuple[int, int]] = {}
        self.touched: set[int] = set()
        self._timestamped = base.timestamp != 0
        self.next_sequence = 0
        self._recovered = recovery.entries_applied > 0 or recovery.base_block_recovered
        self._finished_at = -1
        self._broken: str | None = None
        if not read_only:
            self.cells.bin_index(0)
        self.cells.locate_signed(base.root, b"nk", node.NK_SIZE, "the root key")

    @classmethod
    def open(
        cls,
        data: Content,
        logs: Mapping[str, bytes] | None = None,
        *,
        name: str = "hive",
        ignore_logs: bool = False,
    ) -> Self:
        """Open a hive, made whole from its logs where it is dirty.

        Args:
            data: the whole file. A bytearray, or a mapping with `mmap.ACCESS_COPY`, is taken over and
                edited in place, which spares a copy.
            logs: the log files by their kind, "LOG1", "LOG2" and "LOG"; empty ones may be left out.
            name: what messages call the hive.
            ignore_logs: open a dirty hive as it stands, without its logs and read-only.

        Raises:
            RegfError: this is no hive, it is damaged, or it can't be made whole.
        """
        log_files, base = logs or {}, BaseBlock.parse(data)
        if base is not None and base.intact and not base.dirty and not log_files:
            hive = cls(name, data, set(), Recovery(), read_only=ignore_logs)
            hive.next_sequence = base.sequences[0] + 1 & 0xFFFFFFFF
            return hive
        if ignore_logs and base is not None:
            recovery = Recovery(dirty=base.dirty or not base.intact)
            return cls(name, data, set(), recovery, read_only=True)
        whole, pages, recovery = recover(data, log_files, name)
        hive = cls(name, whole, pages, recovery)
        sequences = base.sequences if base is not None and base.intact else (0, 0)
        hive.next_sequence = max(*sequences, highest_sequence(log_files)) + 1 & 0xFFFFFFFF
        return hive

    @classmethod
    def new(
        cls,
        *,
        name: str = "hive",
        version: tuple[int, int] = (1, 5),
        descriptor: bytes | None = None,
        timestamp: int | None = None,
    ) -> Self:
        """Make an empty hive in memory.

        Args:
            name: what messages call the hive.
            version: of the format, 1.2 to 1.6.
            descriptor: of the root key, self-relative; None for full access by SYSTEM and
                Administrators and read access by Users.
            timestamp: FILETIME of all edits; None for the present time.
        """
        if version[0] != 1 or not baseblock.OLDEST_MINOR <= version[1] <= baseblock.NEWEST_MINOR:
            msg = f"There is no hive version {version[0]}.{version[1]}."
            raise RegfError(msg)
        descriptor = descriptors.DEFAULT if descriptor is None else descriptor
        cells = Cells(name, baseblock.new(version[1], name), 0, version[1])
        cells.add_bin(PAGE - BIN_HEADER)
        stored = b"ROOT"
        offset = cells.allocate(node.NK_SIZE + len(stored), 0)
        flags = node.ROOT | node.NO_DELETE | node.COMPRESSED
        sk = cells.allocate(20 + len(descriptor), 0)
        security.write(cells, sk, sk, sk, descriptor)
        now = _now() if timestamp is None else timestamp
        cells.write(offset + 4096 + 4, node.new(flags, now, 0xFFFFFFFF, sk, stored))
        data = cells.mutable()
        struct.pack_into("<Q", data, baseblock.TIMESTAMP, now)
        struct.pack_into("<Q", data, _BIN_TIMESTAMP, now)
        struct.pack_into("<I", data, baseblock.ROOT, offset)
        struct.pack_into("<I", data, baseblock.CHECKSUM, baseblock.checksum(data))
        hive = cls.open(data, name=name)
        hive.timestamp = timestamp
        return hive

    # Reading

    @property
    def root(self) -> Key:
        """The root key."""
        return Key(self, self.root_offset)

    def key(self, path: str) -> Key | None:
        r"""Return the key at a path such as `A\B`, None where there is none; "" is the root."""
        return self.root.key(path)

    @property
    def changed(self) -> bool:
        """Whether the hive differs from the bytes that were opened."""
        return self.cells.writes > 0 or self._recovered

    @property
    def recovered(self) -> bool:
        """Whether its logs held what the file did not."""
        return self._recovered

    # Writing

    def now(self) -> int:
        """Return the FILETIME for what is edited now."""
        return _now() if self.timestamp is None else self.timestamp

    @contextmanager
    def editing(self) -> Iterator[None]:
        """Guard an edit: a hive in which one stopped halfway is never given back as bytes."""
        if self.read_only:
            msg = f"{self.name} was opened read-only."
            raise RegfError(msg)
        self.check_whole()
        before = self.cells.writes
        try:
            yield
        except BaseException as error:
            if self.cells.writes != before:
                self._broken = str(error)
            raise

    def check_whole(self) -> None:
        """Raise RegfError where an edit stopped halfway."""
        if self._broken is not None:
            msg = f"{self.name} can't be written: an edit stopped halfway. {self._broken}"
            raise RegfError(msg, hint="Open the hive again; the file is untouched.")

    def _finish(self) -> None:
        """Bring sequence numbers, timestamp and checksum of the base block up to date."""
        self.check_whole()
        if not self.changed or self._finished_at == self.cells.writes:
            return
        data = self.cells.mutable()
        struct.pack_into("<II", data, baseblock.PRIMARY_SEQUENCE, *[self.next_sequence] * 2)
        if self._timestamped and self.cells.writes:
            # Newer versions of Windows 10 keep 0 here (seen), and then it stays.
            now = struct.pack("<Q", self.now())
            data[baseblock.TIMESTAMP : baseblock.TIMESTAMP + 8] = now
            data[_BIN_TIMESTAMP : _BIN_TIMESTAMP + 8] = now
            self.cells.pages.add(1)
        struct.pack_into("<I", data, baseblock.CHECKSUM, baseblock.checksum(data))
        self.cells.pages.add(0)
        self._finished_at = self.cells.writes

    def to_bytes(self) -> bytes:
        """Return the whole file, ready to be written.

        Both sequence numbers are the same and exceed every one in the old file and its logs, which
        must be truncated to nothing when the file is written.

        Raises:
            RegfError: an edit failed halfway.
        """
        self._finish()
        return bytes(self.cells.data)

    def patches(self) -> list[tuple[int, bytes]]:
        """Return what to write into the file: (file offset, bytes), in order, not overlapping.

        The file may grow; it never shrinks. Empty where nothing changed.

        Raises:
            RegfError: an edit failed halfway.
        """
        self._finish()
        if not self.changed:
            return []
        data, result = self.cells.data, list[tuple[int, bytes]]()
        first = last = -1
        for page in [*sorted(self.cells.pages), -1]:
            if page == last + 1 and page > 1:
                last = page
                continue
            if first >= 0:
                # Of the base block only the first sector ever changes.
                end = baseblock.SECTOR if first == 0 else (last + 1) * PAGE
                result.append((first * PAGE, bytes(data[first * PAGE : end])))
            first = last = page
        return result

    def set_file_name(self, name: str) -> None:
        """Give the hive another name inside, of which the last 31 characters are kept."""
        with self.editing():
            self.cells.write(baseblock.FILE_NAME, baseblock.file_name_field(name))

    def wipe_free(self) -> int:
        """Zero what deleted keys and values have left in free cells and behind the last bin.

        Returns:
            How many bytes that were.

        Raises:
            RegfError: the hive is damaged.
        """
        cells, wiped = self.cells, 0
        with self.editing():
            for start, end in cells.bins():
                offset = start + BIN_HEADER
                while offset < end:
                    size = cells.size_at(offset, end)
                    if size > 0:
                        wiped += self._wipe(offset + baseblock.SIZE + 4, size - 4)
                    offset += abs(size)
            behind = baseblock.SIZE + cells.bins_size
            wiped += self._wipe(behind, len(cells.data) - behind)
        return wiped

    def _wipe(self, position: int, size: int) -> int:
        content = self.cells.data[position : position + size]
        if not content.strip(b"\0"):
            return 0
        self.cells.write(position, bytes(size))
        return size

    def verify(self, *, touched_only: bool = False) -> list[Violation]:
        """Return what is wrong with the structure of the hive; an empty list where nothing is.

        Args:
            touched_only: look only at the bins that were changed and the keys that were edited.
        """
        return verify.verify(self, touched_only=touched_only)


def _now() -> int:
    return time.time_ns() // 100 + _EPOCH_1970
