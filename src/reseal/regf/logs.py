"""The logs of a hive: which of their records belong to it, and their replay.

Windows marks a hive dirty (its two sequence numbers differ) before it writes, and what it has not
yet written stands in the logs. Two formats exist: DIRT (up to Windows 8), one set of pages in one
log, and HvLE (from 8.1), entries numbered in sequence that run from one log into the other.
Sources: "Windows registry file format specification" by Maxim Suhanov (reported); the logs of the
corpus and two hives that Windows itself recovered (seen).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.regf import baseblock
from reseal.regf.baseblock import BaseBlock
from reseal.regf.errors import RegfError
from reseal.regf.marvin import marvin32

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reseal.regf.baseblock import Content

_ENTRY = struct.Struct("<4sIIIIIQQ")
#: A hive grows by whole bins, and a new bin is in the log with all its pages. A log that leaves a
#: larger hole than this many bytes at the end of the hive is not one that Windows wrote (inferred).
_HOLE_LIMIT = 1 << 20
_IGNORE_LOGS = "Open it read-only with --ignore-logs to see what the hive itself holds."


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was done to make a hive whole when it was opened.

    Attributes:
        dirty: a write to the hive had been begun and not ended.
        entries_applied: HvLE entries applied; a DIRT log counts as one.
        logs: the names of the logs that were used, in the order of use.
        base_block_recovered: the base block was damaged and came from a log.
        notes: what else is worth knowing, whole sentences.
    """

    dirty: bool = False
    entries_applied: int = 0
    logs: tuple[str, ...] = ()
    base_block_recovered: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One HvLE log entry: where it lies in its log, and what its header says."""

    position: int
    size: int
    flags: int
    sequence: int
    bins_size: int
    page_count: int

    @classmethod
    def parse(cls, log: bytes | bytearray, position: int) -> Entry | None:
        """Return the entry at `position`, None where there is none or its hashes are wrong."""
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
        # The hash of the header first: it costs next to nothing.
        if marvin32(log[position : position + 32]) != hash_2:
            return None
        if marvin32(log[position + _ENTRY.size : end]) != hash_1:
            return None
        return cls(position, size, flags, sequence, bins_size, pages)

    def pages(self, log: bytes | bytearray) -> Iterator[tuple[int, memoryview]]:
        """Yield (offset in the hive bins data, content) of each page.

        Raises:
            RegfError: a page lies outside the entry or outside the hive.
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
        msg = f"The log entry {self.sequence} at 0x{self.position:x} has pages outside itself."
        raise RegfError(msg)


@dataclass(frozen=True, slots=True)
class Log:
    """A log file whose base block is intact, and that was written completely."""

    name: str
    data: bytes
    base: BaseBlock

    @classmethod
    def parse(cls, name: str, data: bytes) -> Log | None:
        """Return the log, None where it holds nothing that can be used."""
        base = BaseBlock.parse(data)
        if base is None or not base.intact or base.dirty:
            return None
        if base.file_type not in (*baseblock.LOG_DIRT, baseblock.LOG_HVLE):
            return None
        return cls(name, data, base)

    @property
    def is_dirt(self) -> bool:
        """The log has the old format."""
        return self.base.file_type in baseblock.LOG_DIRT

    def entries(self) -> Iterator[Entry]:
        """Yield the entries from the first on, while each follows the one before."""
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
    """Return the highest sequence number anywhere in the logs, valid or not.

    A later entry of a stale log could otherwise continue a new sequence number (inferred).
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
    """Return the hive made whole, the numbers of its changed 4 KiB pages, and what was done.

    Sequence numbers and checksum of the base block are left for the writer of the hive.

    Raises:
        RegfError: the hive can't be made whole.
    """
    base = BaseBlock.parse(data)
    if base is None or (len(data) < baseblock.SIZE and data[:4] == baseblock.SIGNATURE):
        msg = f"{name} is no registry hive: it has only {len(data)} bytes."
        raise RegfError(msg)
    if base.intact and not base.dirty:
        return data, set(), Recovery()
    present = {key: log for key, log in logs.items() if len(log)}
    usable = [log for key in present if (log := Log.parse(key, present[key])) is not None]
    if not usable:
        return _without_logs(data, base, name, present)
    if not base.intact and len(data) < baseblock.SIZE:
        msg = f"{name} is no registry hive: it has only {len(data)} bytes."
        raise RegfError(msg)
    hvle = sorted((log for log in usable if not log.is_dirt), key=lambda log: log.base.sequences[0])
    if hvle:
        return _replay_hvle(data, base, hvle)
    return _replay_dirt(data, base, name, usable)


def _without_logs(
    data: Content, base: BaseBlock, name: str, present: Mapping[str, bytes]
) -> tuple[Content, set[int], Recovery]:
    if data[:4] != baseblock.SIGNATURE:
        msg = f"{name} is no registry hive: it does not begin with 'regf'."
        raise RegfError(msg)
    if not base.intact:
        msg = f"{name}: the base block is damaged (wrong checksum), and no log can replace it."
        raise RegfError(msg)
    if present:
        msg = f"{name} is dirty, and its logs ({', '.join(present)}) are damaged or incomplete."
        raise RegfError(msg, hint=_IGNORE_LOGS)
    note = "The hive is marked dirty, and there is no log to replay: it is taken as it stands."
    return data, set(), Recovery(dirty=True, notes=(note,))


def _recover_base(data: bytearray, log: Log) -> BaseBlock:
    """Put the base block of a log into the hive. Only its first sector is in the log."""
    data[: baseblock.SECTOR] = log.data[: baseblock.SECTOR]
    struct.pack_into("<I", data, baseblock.FILE_TYPE, baseblock.PRIMARY_FILE)
    return log.base


def _write(data: bytearray, pages: set[int], offset: int, content: memoryview) -> None:
    position = baseblock.SIZE + offset
    end = position + len(content)
    if position > len(data) + _HOLE_LIMIT:
        msg = f"A log holds a page for 0x{position:x}, far beyond the hive's end."
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
    """Apply the entries of both logs in the order of their numbers, as long as none is missing."""
    data, pages, notes = bytearray(data), set[int](), list[str]()
    recovered = not base.intact
    if recovered:
        # Only the log that was written last goes with the base block that it carries.
        logs = logs[-1:]
        base = _recover_base(data, logs[0])
    # An entry that has the secondary number may already be in the hive; once more does no harm.
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
                    f"Log entries {expected} to {entry.sequence - 1} are missing: what {log.name} "
                    f"holds from {entry.sequence} on can't be applied."
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
        notes.append("The hive is marked dirty, and its logs hold nothing newer than the hive.")
    return data, pages, Recovery(True, applied, tuple(used), recovered, tuple(notes))


def _replay_dirt(
    data: Content, base: BaseBlock, name: str, logs: list[Log]
) -> tuple[bytearray, set[int], Recovery]:
    """Apply the log that was written in the same write as the hive: its timestamp says so."""
    timestamps = {base.timestamp}
    if not base.intact:
        # The first bin's header repeats the timestamp of the base block.
        timestamps |= set(struct.unpack("<Q", bytes(data[4096 + 20 : 4096 + 28]).ljust(8, b"\0")))
    fitting = [log for log in logs if log.base.timestamp in timestamps]
    fitting = [log for log in fitting if log.data[512:516] == b"DIRT"]
    if not fitting:
        names = ", ".join(log.name for log in logs)
        msg = f"{name} is damaged in the middle of a write, and its logs ({names}) don't fit it."
        raise RegfError(msg, hint=_IGNORE_LOGS)
    log = max(fitting, key=lambda log: log.base.sequences[0])
    if log.base.bins_size % 4096 or not 0 < log.base.bins_size <= baseblock.BINS_LIMIT:
        msg = f"{name}: the log {log.name} gives an impossible size of the hive."
        raise RegfError(msg)
    data, pages = bytearray(data), set[int]()
    recovered = not base.intact
    _recover_base(data, log)
    for offset, content in log.dirt_pages():
        _write(data, pages, offset, content)
    return data, pages, Recovery(True, 1, (log.name,), recovered)
