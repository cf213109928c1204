"""A thin qcow2, written in one go: an overlay with a few clusters of its own.

`qemu-img create` and a server to write through take longer than all else that a clone needs; a file
whose clusters are all known is a header and four kinds of tables (QEMU's docs/interop/qcow2.txt).
Clusters have 64 KiB, as those that qemu-img makes, so that a machine that later writes to the
overlay finds what QEMU is tuned for.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping

from reseal.disk.device import Device, DiskError, check_range
from reseal.disk.formats.qcow2 import MAGIC

CLUSTER_BITS = 16
CLUSTER = 1 << CLUSTER_BITS
#: Entries of an L2 table, of the refcount table, and (16 bits each) of a refcount block.
_ENTRIES = CLUSTER // 8
_COUNTS = CLUSTER // 2
_HEADER_LENGTH = 112
_REFCOUNT_ORDER = 4
_BACKING_FORMAT = 0xE2792ACA
#: Bit 63 of an entry: the cluster has one reference, so that it may be written in place.
_COPIED = 1 << 63
#: The longest name that the format allows.
_MAX_NAME = 1023


class Changes:
    """A device that remembers what is written, over one that is only read.

    Attributes:
        clusters: the written clusters by number, each of `CLUSTER` bytes, zeros past the end.
    """

    def __init__(self, below: Device) -> None:
        self._below = below
        self.size = below.size
        self.read_only = False
        self.clusters: dict[int, bytearray] = {}

    def read(self, offset: int, size: int) -> bytes:
        """Return exactly `size` bytes from `offset`."""
        check_range(self, offset, size)
        first, last = offset >> CLUSTER_BITS, (offset + size - 1) >> CLUSTER_BITS
        touched = [one for one in range(first, last + 1) if one in self.clusters]
        if size and len(touched) == last + 1 - first:
            data = bytearray(b"".join(self.clusters[one] for one in touched))
            start = offset - (first << CLUSTER_BITS)
            return bytes(data[start : start + size])
        data = bytearray(self._below.read(offset, size))
        for number in touched:
            start = number << CLUSTER_BITS
            begin, end = max(start, offset), min(start + CLUSTER, offset + size)
            data[begin - offset : end - offset] = self.clusters[number][begin - start : end - start]
        return bytes(data)

    def write(self, offset: int, data: bytes) -> None:
        """Keep all of `data` at `offset`."""
        check_range(self, offset, len(data))
        at = 0
        while at < len(data):
            number, start = divmod(offset + at, CLUSTER)
            part = data[at : at + CLUSTER - start]
            cluster = self.clusters.get(number)
            if cluster is None:
                cluster = self.clusters[number] = self._original(number)
            cluster[start : start + len(part)] = part
            at += len(part)

    def changed(self) -> dict[int, bytes]:
        """Return the clusters that differ from the device below, in ascending order."""
        return {
            number: bytes(self.clusters[number])
            for number in sorted(self.clusters)
            if self.clusters[number] != self._original(number)
        }

    def _original(self, number: int) -> bytearray:
        start = number << CLUSTER_BITS
        data = bytearray(self._below.read(start, min(CLUSTER, self.size - start)))
        return data + bytes(CLUSTER - len(data))

    def flush(self) -> None:
        """Do nothing: all is in memory."""

    def close(self) -> None:
        """Do nothing: the owner closes the underlying device."""


def write_overlay(
    fd: int,
    *,
    backing_name: str,
    backing_format: str,
    size: int,
    clusters: Mapping[int, bytes],
) -> None:
    """Write a whole qcow2 overlay to an empty file.

    Args:
        fd: the file, open for writing.
        backing_name: how its header names the image below, relative to its own folder.
        backing_format: QEMU's name of that image's format.
        size: bytes of the disk.
        clusters: its own clusters by number, each of `CLUSTER` bytes.

    Raises:
        DiskError: the name is too long, or the disk larger than one table can describe.
    """
    name = os.fsencode(backing_name)
    if len(name) > _MAX_NAME:
        raise DiskError(f"the path from an overlay to its image is too long: {backing_name[:200]}")
    l1_entries = max(1, -(-size // (CLUSTER * _ENTRIES)))
    l1_clusters = -(-l1_entries // _ENTRIES)
    groups = sorted({number // _ENTRIES for number in clusters})
    # Header, refcount table, refcount blocks, L1 table, L2 tables, data: all one after the other.
    fixed = 2 + l1_clusters + len(groups) + len(clusters)
    blocks = 1
    while blocks * _COUNTS < fixed + blocks:
        blocks += 1
    if blocks > _ENTRIES:
        raise DiskError("too much of the disk has changed for an overlay.")
    l1_at = 2 + blocks
    l2_at = l1_at + l1_clusters
    data_at = l2_at + len(groups)
    total = data_at + len(clusters)

    extension = _padded(struct.pack(">II", _BACKING_FORMAT, len(backing_format))
                        + backing_format.encode())  # fmt: skip
    end = struct.pack(">II", 0, 0)
    name_at = _HEADER_LENGTH + len(extension) + len(end)
    header = struct.pack(
        ">4sIQIIQIIQQIIQQQQII8x",
        MAGIC, 3, name_at, len(name), CLUSTER_BITS, size, 0, l1_entries, l1_at << CLUSTER_BITS,
        1 << CLUSTER_BITS, 1, 0, 0, 0, 0, 0, _REFCOUNT_ORDER, _HEADER_LENGTH,
    )  # fmt: skip

    l1 = [0] * l1_entries
    tables = []
    place = data_at
    for index, group in enumerate(groups):
        l1[group] = (l2_at + index) << CLUSTER_BITS | _COPIED
        l2 = [0] * _ENTRIES
        for number in sorted(one for one in clusters if one // _ENTRIES == group):
            l2[number % _ENTRIES] = place << CLUSTER_BITS | _COPIED
            place += 1
        tables.append(struct.pack(f">{_ENTRIES}Q", *l2))
    parts = [
        _cluster(header + extension + end + name),
        _cluster(struct.pack(f">{blocks}Q", *((2 + one) << CLUSTER_BITS for one in range(blocks)))),
        _cluster(b"\0\1" * total, blocks),
        _cluster(struct.pack(f">{l1_entries}Q", *l1), l1_clusters),
        *tables,
        *(clusters[number] for number in sorted(clusters)),
    ]
    with os.fdopen(os.dup(fd), "wb", buffering=0) as file:
        for part in parts:
            view = memoryview(part)
            while view:
                view = view[file.write(view) :]


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def _cluster(data: bytes, count: int = 1) -> bytes:
    return data.ljust(count << CLUSTER_BITS, b"\0")
