"""The file allocation table: read cluster chains and change them in place.

Documented: Microsoft, FAT32 File System Specification, version 1.03. Only the needed parts of the table
are read. A chain in a damaged table may not end, so every walk has a limit.
"""

from __future__ import annotations

import struct
from itertools import pairwise

from reseal.disk.device import Device
from reseal.fat.boot import FIRST_CLUSTER, BootSector
from reseal.fat.errors import FatError

#: Bytes of the table per read; a multiple of 3, so that pairs of FAT12 entries are not split.
_WINDOW = 48 << 10

#: The mask of an entry, and the lowest end-of-chain value, by the bits of an entry.
_MASKS = {12: 0xFFF, 16: 0xFFFF, 32: 0x0FFFFFFF}
_ENDS = {12: 0xFF8, 16: 0xFFF8, 32: 0x0FFFFFF8}

_INFO_SIZE = 512
_INFO_LEAD, _INFO_SIGNATURE = (0, b"RRaA"), (484, b"rrAa")
_INFO_FREE, _INFO_NEXT = 488, 492
_UNKNOWN = 0xFFFFFFFF


class Table:
    """The table of a volume."""

    def __init__(self, device: Device, boot: BootSector, name: str) -> None:
        self._device = device
        self._boot = boot
        self._name = name
        self._mask = _MASKS[boot.bits]
        self._windows: dict[int, bytes] = {}

    def chain(self, first: int, limit: int) -> list[int]:
        """Return the clusters of a chain.

        Raises:
            FatError: the chain leaves the volume, loops or has more than `limit` clusters.
        """
        found: list[int] = []
        seen: set[int] = set()
        cluster = first
        while cluster < _ENDS[self._boot.bits]:
            if not self._valid(cluster) or cluster in seen or len(found) >= limit:
                msg = f"The FAT volume {self._name} is damaged: a chain of clusters does not end."
                raise FatError(msg, "Check it with fsck.vfat or chkdsk.")
            seen.add(cluster)
            found.append(cluster)
            cluster = self._get(cluster)
        return found

    def free(self, clusters: list[int]) -> None:
        """Mark clusters as free."""
        for cluster in clusters:
            self._set(cluster, 0)
        self._count(len(clusters), None)

    def extend(self, clusters: list[int], more: int) -> list[int]:
        """Append `more` clusters to a chain, which may be empty; return the whole chain.

        Raises:
            FatError: the volume is full.
        """
        new = self._find_free(more)
        for cluster, following in pairwise([*clusters[-1:], *new, self._mask]):
            self._set(cluster, following)
        self._count(-more, new[-1])
        return clusters + new

    def cut(self, clusters: list[int], count: int) -> list[int]:
        """Keep the first `count` clusters of a chain and free the rest."""
        if count:
            self._set(clusters[count - 1], self._mask)
        self.free(clusters[count:])
        return clusters[:count]

    def _valid(self, cluster: int) -> bool:
        return FIRST_CLUSTER <= cluster < self._boot.clusters + FIRST_CLUSTER

    def _find_free(self, count: int) -> list[int]:
        found: list[int] = []
        for cluster in range(FIRST_CLUSTER, self._boot.clusters + FIRST_CLUSTER):
            if self._get(cluster) == 0:
                found.append(cluster)
                if len(found) == count:
                    return found
        msg = f"The FAT volume {self._name} is full."
        raise FatError(msg, "Free some space on it from Windows.")

    # Entries

    def _get(self, cluster: int) -> int:
        position, _ = self._place(cluster)
        window = self._windows.get(position // _WINDOW)
        if window is None:
            start = position // _WINDOW * _WINDOW
            size = min(_WINDOW, self._boot.table_size - start)
            window = self._device.read(self._boot.tables[0] + start, size)
            self._windows[position // _WINDOW] = window
        return self._decode(window, position % _WINDOW, cluster) & self._mask

    def _set(self, cluster: int, value: int) -> None:
        position, size = self._place(cluster)
        for offset in self._boot.tables:
            old = self._device.read(offset + position, size)
            self._device.write(offset + position, self._encode(old, cluster, value))
        self._windows.pop(position // _WINDOW, None)

    def _place(self, cluster: int) -> tuple[int, int]:
        """Return the offset of a cluster's entry in a table, and the bytes to read for it."""
        if self._boot.bits == 12:
            return cluster // 2 * 3, 3
        size = self._boot.bits // 8
        return cluster * size, size

    def _decode(self, data: bytes, position: int, cluster: int) -> int:
        if self._boot.bits == 12:
            pair = int.from_bytes(data[position : position + 3], "little")
            return pair >> 12 if cluster % 2 else pair & 0xFFF
        return int.from_bytes(data[position : position + self._boot.bits // 8], "little")

    def _encode(self, old: bytes, cluster: int, value: int) -> bytes:
        number = int.from_bytes(old, "little")
        if self._boot.bits == 12:
            shift = 12 if cluster % 2 else 0
            number = number & ~(0xFFF << shift) | value << shift
        else:
            # The four highest bits of FAT32 are reserved and preserved.
            number = number & ~self._mask | value
        return number.to_bytes(len(old), "little")

    # FSInfo

    def _count(self, freed: int, last: int | None) -> None:
        """Update the free cluster count and the next-free hint in FSInfo."""
        if not self._boot.info:
            return
        sector = bytearray(self._device.read(self._boot.info, _INFO_SIZE))
        for offset, signature in (_INFO_LEAD, _INFO_SIGNATURE):
            if sector[offset : offset + 4] != signature:
                return
        (free,) = struct.unpack_from("<I", sector, _INFO_FREE)
        if free != _UNKNOWN:
            struct.pack_into("<I", sector, _INFO_FREE, max(0, free + freed) & _UNKNOWN)
        if last is not None:
            struct.pack_into("<I", sector, _INFO_NEXT, last)
        self._device.write(self._boot.info, bytes(sector))
