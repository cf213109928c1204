"""A registry hive, edited in memory."""

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

    The hive stays in its binary form; Python objects are created on access. Only changed 4 KiB pages are
    written back.

    Attributes:
        name: name of the hive in messages.
        recovery: how the hive was recovered from its logs when it was opened.
        read_only: whether edits raise RegfError.
        timestamp: FILETIME for the last-written times of edits; None for the current time.
        cells: the cells of the hive.
        security: the security cells, for edits.
        root_offset: offset of the root key's cell.
        moved: new places of renamed keys: (offset, epoch) to (offset, epoch).
        touched: offsets of edited keys.
        next_sequence: sequence number for the base block when the hive is written.
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
        """Open a hive; recover it from its logs if it is dirty.

        Args:
            data: the whole file. A bytearray, or a mapping with `mmap.ACCESS_COPY`, is edited in place
                without a copy.
            logs: the log files by kind: "LOG1", "LOG2" and "LOG"; empty ones may be omitted.
            name: name of the hive in messages.
            ignore_logs: open a dirty hive without its logs, read-only.

        Raises:
            RegfError: the file is not a hive, is damaged, or can't be recovered.
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
        """Create an empty hive in memory.

        Args:
            name: name of the hive in messages.
            version: format version, 1.2 to 1.6.
            descriptor: self-relative security descriptor of the root key; None for full access for SYSTEM
                and Administrators and read access for Users.
            timestamp: FILETIME of all edits; None for the current time.

        Raises:
            RegfError: the version does not exist.
        """
        if version[0] != 1 or not baseblock.OLDEST_MINOR <= version[1] <= baseblock.NEWEST_MINOR:
            msg = f"Hive version {version[0]}.{version[1]} does not exist."
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
        r"""Return the key at a path such as `A\B`, or None; "" is the root."""
        return self.root.key(path)

    @property
    def changed(self) -> bool:
        """Whether the hive differs from the file that was opened."""
        return self.cells.writes > 0 or self._recovered

    @property
    def recovered(self) -> bool:
        """Whether its logs had changes that the file lacked."""
        return self._recovered

    # Writing

    def now(self) -> int:
        """Return the FILETIME for an edit now."""
        return _now() if self.timestamp is None else self.timestamp

    @contextmanager
    def editing(self) -> Iterator[None]:
        """Guard an edit: if it fails halfway, the hive can't be written any more."""
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
        """Raise RegfError if an edit failed halfway."""
        if self._broken is not None:
            msg = f"{self.name} can't be written: an edit failed halfway. {self._broken}"
            raise RegfError(msg, hint="Open the hive again; the file was not changed.")

    def _finish(self) -> None:
        """Update sequence numbers, timestamp and checksum of the base block."""
        self.check_whole()
        if not self.changed or self._finished_at == self.cells.writes:
            return
        data = self.cells.mutable()
        struct.pack_into("<II", data, baseblock.PRIMARY_SEQUENCE, *[self.next_sequence] * 2)
        if self._timestamped and self.cells.writes:
            # Newer versions of Windows 10 have 0 here (seen); it is preserved.
            now = struct.pack("<Q", self.now())
            data[baseblock.TIMESTAMP : baseblock.TIMESTAMP + 8] = now
            data[_BIN_TIMESTAMP : _BIN_TIMESTAMP + 8] = now
            self.cells.pages.add(1)
        struct.pack_into("<I", data, baseblock.CHECKSUM, baseblock.checksum(data))
        self.cells.pages.add(0)
        self._finished_at = self.cells.writes

    def to_bytes(self) -> bytes:
        """Return the whole file, ready to be written.

        Both sequence numbers are equal and higher than all in the old file and its logs. The caller must
        empty the logs when it writes the file.

        Raises:
            RegfError: an edit failed halfway.
        """
        self._finish()
        return bytes(self.cells.data)

    def patches(self) -> list[tuple[int, bytes]]:
        """Return the writes to the file: (file offset, bytes), in order, not overlapping.

        The file may grow but never shrinks. The result is empty if nothing changed.

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
                # Only the first sector of the base block changes.
                end = baseblock.SECTOR if first == 0 else (last + 1) * PAGE
                result.append((first * PAGE, bytes(data[first * PAGE : end])))
            first = last = page
        return result

    def set_file_name(self, name: str) -> None:
        """Set the file name in the base block, which keeps the last 31 characters."""
        with self.editing():
            self.cells.write(baseblock.FILE_NAME, baseblock.file_name_field(name))

    def wipe_free(self) -> int:
        """Zero the traces of deleted keys and values in free cells and after the last bin.

        Returns:
            Number of bytes that were zeroed.

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
        """Return the violations of structural rules in the hive.

        Args:
            touched_only: check only changed bins and edited keys.
        """
        return verify.verify(self, touched_only=touched_only)


def _now() -> int:
    return time.time_ns() // 100 + _EPOCH_1970
