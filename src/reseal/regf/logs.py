"""Select the valid records in the logs of a hive, and replay them.

Windows marks a hive dirty (its two sequence numbers differ) before it writes; the logs have the data that
is not written yet. Two formats exist: DIRT (up to Windows 8) is one set of pages in one log; HvLE (from
8.1) is a numbered sequence of entries that continues from one log in the other. Sources: "Windows
registry file format specification" by Maxim Suhanov (reported); the logs of the corpus and two hives that
Windows recovered (seen).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reseal.regf import baseblock
from reseal.regf.baseblock import BaseBlock, Content
from reseal.regf.errors import RegfError
from reseal.regf.marvin import marvin32

_ENTRY = struct.Struct("<4sIIIIIQQ")
#: Maximum gap in bytes between the end of the hive and a page in a log. A hive grows by whole bins, and
#: the log has all pages of a new bin; so Windows did not write a log with a larger gap (inferred).
_HOLE_LIMIT = 1 << 20
_IGNORE_LOGS = "Open it read-only with --ignore-logs to see the hive without recovery."


@dataclass(frozen=True, slots=True)
class Recovery:
    """How a hive was recovered when it was opened.

    Attributes:
        dirty: whether a write to the hive was not completed.
        entries_applied: number of HvLE entries applied; a DIRT log counts as one.
        logs: the names of the logs used, in order of use.
        base_block_recovered: whether a damaged base block was replaced from a log.
        notes: further notes, in whole sentences.
    """

    dirty: bool = False
    entries_applied: int = 0
    logs: tuple[str, ...] = ()
    base_block_recovered: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One HvLE log entry: its position in the log, and its header fields."""

    position: int
    size: int
    flags: int
    sequence: int
    bins_size: int
    page_count: int

    @classmethod
    def parse(cls, log: bytes | bytearray, position: int) -> Entry | None:
        """Return the entry at `position`, or None if it is absent or its hashes are wrong."""
        if position + _ENTRY.size > len(log):
            return None
        signature, size, flags, sequence, bins_size, pages, hash_1, hash_2 = _ENTRY.unpack_from(
            log, position
        )
        end = position + size
        if signature != b"HvLE" or size % 512 or size < _ENTRY.size or end > len(log):
            return None
        if bins_size % 4096 or not 0 < bins_size <= baseblock.BINS_LIMIT:
            return None
        # Check the hash of the header first, because it is cheap.
        if marvin32(log[position : position + 32]) != hash_2:
            return None
        if marvin32(log[position + _ENTRY.size : end]) != hash_1:
            return None
        return cls(position, size, flags, sequence, bins_size, pages)

    def pages(self, log: bytes | bytearray) -> Iterator[tuple[int, memoryview]]:
        """Yield (offset in the hive bins data, content) of each page.

        Raises:
            RegfError: a page is outside the entry or the hive.
        """
        start = self.position + _ENTRY.size
        data = start + 8 * self.page_count
        end = self.position + self.size
        view = memoryview(log)
        for index in range(self.page_count):
            if start + 8 * index + 8 > end:
                break
            offset, size = struct.unpack_from("<II", log, start + 8 * index)
            if data + size > end or offset + size > self.bins_size:
                break
            yield offset, view[data : data + size]
            data += size
        else:
            return
        msg = f"The log entry {self.sequence} at 0x{self.position:x} has pages outside the entry."
        raise RegfError(msg)


@dataclass(frozen=True, slots=True)
class Log:
    """A completely written log file with an intact base block."""

    name: str
    data: bytes
    base: BaseBlock

    @classmethod
    def parse(cls, name: str, data: bytes) -> Log | None:
        """Return the log, or None if it has nothing usable."""
        base = BaseBlock.parse(data)
        if base is None or not base.intact or base.dirty:
            return None
        if base.file_type not in (*baseblock.LOG_DIRT, baseblock.LOG_HVLE):
            return None
        return cls(name, data, base)

    @property
    def is_dirt(self) -> bool:
        """Whether the log has the DIRT format."""
        return self.base.file_type in baseblock.LOG_DIRT

    def entries(self) -> Iterator[Entry]:
        """Yield the entries from the start, up to the first gap in the sequence."""
        position = baseblock.SECTOR
        expected = None
        while (entry := Entry.parse(self.data, position)) is not None:
            if expected is not None and entry.sequence != expected:
                return
            yield entry
            position += entry.size
            expected = entry.sequence + 1 & 0xFFFFFFFF

    def dirt_pages(self) -> Iterator[tuple[int, memoryview]]:
        """Yield (offset in the hive bins data, content) of each run of pages of a DIRT log.

        Raises:
            RegfError: the log ends early.
        """
        bits = self.base.bins_size // 512
        bitmap_end = baseblock.SECTOR + 4 + (bits + 7) // 8
        position = (bitmap_end + 511) // 512 * 512
        bitmap = self.data[baseblock.SECTOR + 4 : bitmap_end]
        view = memoryview(self.data)
        for index in (bit for bit in range(bits) if bitmap[bit >> 3] >> (bit & 7) & 1):
            if position + 512 > len(self.data):
                msg = f"The log {self.name} ends at 0x{position:x}, before its last page."
                raise RegfError(msg)
            yield index * 512, view[position : position + 512]
            position += 512


def highest_sequence(logs: Mapping[str, bytes]) -> int:
    """Return the highest sequence number in the logs, even in invalid entries.

    Otherwise a later entry of a stale log could continue a new sequence number (inferred).
    """
    highest = 0
    for data in logs.values():
        base = BaseBlock.parse(data)
        if base is not None and data[:4] == baseblock.SIGNATURE:
            highest = max(highest, *base.sequences)
        position = data.find(b"HvLE", baseblock.SECTOR)
        while position >= 0 and position + 16 <= len(data):
            if position % 512 == 0:
                highest = max(highest, *struct.unpack_from("<I", data, position + 12))
            position = data.find(b"HvLE", position + 4)
    return highest


def recover(
    data: Content, logs: Mapping[str, bytes], name: str
) -> tuple[Content, set[int], Recovery]:
    """Recover a hive; return it, the numbers of its changed 4 KiB pages, and a description.

    Sequence numbers and checksum of the base block are not updated; that is done when the hive is
    written.

    Args:
        data: the whole file.
        logs: the log files by kind.
        name: name of the hive in messages.

    Raises:
        RegfError: the hive can't be recovered.
    """
    base = BaseBlock.parse(data)
    if base is None or (len(data) < baseblock.SIZE and data[:4] == baseblock.SIGNATURE):
        msg = f"{name} is not a registry hive: it has only {len(data)} bytes."
        raise RegfError(msg)
    if base.intact and not base.dirty:
        return data, set(), Recovery()
    present = {key: log for key, log in logs.items() if len(log)}
    usable = [log for key in present if (log := Log.parse(key, present[key])) is not None]
    if not usable:
        return _without_logs(data, base, name, present)
    if not base.intact and len(data) < baseblock.SIZE:
        msg = f"{name} is not a registry hive: it has only {len(data)} bytes."
        raise RegfError(msg)
    hvle = sorted((log for log in usable if not log.is_dirt), key=lambda log: log.base.sequences[0])
    if hvle:
        return _replay_hvle(data, base, hvle)
    return _replay_dirt(data, base, name, usable)


def _without_logs(
    data: Content, base: BaseBlock, name: str, present: Mapping[str, bytes]
) -> tuple[Content, set[int], Recovery]:
    if data[:4] != baseblock.SIGNATURE:
        msg = f"{name} is not a registry hive: it does not begin with 'regf'."
        raise RegfError(msg)
    if not base.intact:
        msg = f"{name}: the base block is damaged (wrong checksum), and no log can replace it."
        raise RegfError(msg)
    if present:
        msg = f"{name} is dirty, and its logs ({', '.join(present)}) are damaged or incomplete."
        raise RegfError(msg, hint=_IGNORE_LOGS)
    note = "The hive is marked dirty, but has no log to replay; it was opened without recovery."
    return data, set(), Recovery(dirty=True, notes=(note,))


def _recover_base(data: bytearray, log: Log) -> BaseBlock:
    """Copy the base block of a log into the hive. The log has only its first sector."""
    data[: baseblock.SECTOR] = log.data[: baseblock.SECTOR]
    struct.pack_into("<I", data, baseblock.FILE_TYPE, baseblock.PRIMARY_FILE)
    return log.base


def _write(data: bytearray, pages: set[int], offset: int, content: memoryview) -> None:
    position = baseblock.SIZE + offset
    end = position + len(content)
    if position > len(data) + _HOLE_LIMIT:
        msg = f"A log has a page for 0x{position:x}, far beyond the hive's end."
        raise RegfError(msg, hint=_IGNORE_LOGS)
    if end > len(data):
        data.extend(bytes(end - len(data)))
    data[position:end] = content
    pages.update(range(position >> 12, (end + 4095) >> 12))


def _resize(data: bytearray, bins_size: int) -> None:
    struct.pack_into("<I", data, baseblock.BINS_SIZE, bins_size)


def _replay_hvle(
    data: Content, base: BaseBlock, logs: list[Log]
) -> tuple[bytearray, set[int], Recovery]:
    """Apply the entries of both logs in numerical order, up to the first missing one."""
    data, pages, notes = bytearray(data), set[int](), list[str]()
    recovered = not base.intact
    if recovered:
        # Only the log written last has the matching base block.
        logs = logs[-1:]
        base = _recover_base(data, logs[0])
    # An entry with the secondary number may already be in the hive; applying it again is harmless.
    start = base.sequences[0] if recovered else base.sequences[1]
    expected: int | None = None
    applied = 0
    used: list[str] = []
    for log in logs:
        for entry in log.entries():
            if entry.sequence < start or (expected is not None and entry.sequence < expected):
                continue
            if expected is not None and entry.sequence != expected:
                notes.append(
                    f"Log entries {expected} to {entry.sequence - 1} are missing; the entries of "
                    f"{log.name} from {entry.sequence} on can't be applied."
                )
                break
            for offset, content in entry.pages(log.data):
                _write(data, pages, offset, content)
            _resize(data, entry.bins_size)
            struct.pack_into("<I", data, baseblock.FLAGS, entry.flags)
            expected = entry.sequence + 1
            applied += 1
            if log.name not in used:
                used.append(log.name)
    if not applied and not recovered:
        notes.append("The hive is marked dirty, but its logs have nothing newer than the hive.")
    return data, pages, Recovery(True, applied, tuple(used), recovered, tuple(notes))


def _replay_dirt(
    data: Content, base: BaseBlock, name: str, logs: list[Log]
) -> tuple[bytearray, set[int], Recovery]:
    """Apply the log of the interrupted write, found by its timestamp."""
    timestamps = {base.timestamp}
    if not base.intact:
        # The first bin's header has a copy of the base block's timestamp.
        timestamps |= set(struct.unpack("<Q", bytes(data[4096 + 20 : 4096 + 28]).ljust(8, b"\0")))
    fitting = [log for log in logs if log.base.timestamp in timestamps]
    fitting = [log for log in fitting if log.data[512:516] == b"DIRT"]
    if not fitting:
        names = ", ".join(log.name for log in logs)
        msg = f"{name} was damaged by an interrupted write, and its logs ({names}) do not match it."
        raise RegfError(msg, hint=_IGNORE_LOGS)
    log = max(fitting, key=lambda log: log.base.sequences[0])
    if log.base.bins_size % 4096 or not 0 < log.base.bins_size <= baseblock.BINS_LIMIT:
        msg = f"{name}: the log {log.name} has an impossible size of the hive."
        raise RegfError(msg)
    data, pages = bytearray(data), set[int]()
    recovered = not base.intact
    _recover_base(data, log)
    for offset, content in log.dirt_pages():
        _write(data, pages, offset, content)
    return data, pages, Recovery(True, 1, (log.name,), recovered)
