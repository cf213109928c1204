"""Writes to a device that stay in memory, so that a dry run can do everything and change nothing."""

from __future__ import annotations

from reseal.disk.device import Device, DiskError, check_range

_BLOCK = 64 << 10
#: Bytes that may be kept; boot files take some 60 MiB.
_MAX_KEPT = 512 << 20


class MemoryOverlay:
    """A device that reads from another one and keeps what is written in memory.

    Attributes:
        below: the other device; it is never written, and stays open.
        size: bytes.
        read_only: False.
    """

    read_only = False

    def __init__(self, below: Device) -> None:
        self.below = below
        self.size = below.size
        self._blocks: dict[int, bytearray] = {}

    def read(self, offset: int, size: int) -> bytes:
        """Return exactly `size` bytes from `offset`."""
        check_range(self, offset, size)
        found = bytearray(self.below.read(offset, size))
        first, last = offset // _BLOCK, (offset + size - 1) // _BLOCK
        for number in self._blocks.keys() & set(range(first, last + 1)):
            start = number * _BLOCK
            begin, end = max(offset, start), min(offset + size, start + _BLOCK)
            found[begin - offset : end - offset] = self._blocks[number][begin - start : end - start]
        return bytes(found)

    def write(self, offset: int, data: bytes) -> None:
        """Keep all of `data` at `offset`."""
        check_range(self, offset, len(data))
        position = 0
        while position < len(data):
            number, inside = divmod(offset + position, _BLOCK)
            part = data[position : position + _BLOCK - inside]
            self._block(number)[inside : inside + len(part)] = part
            position += len(part)

    def _block(self, number: int) -> bytearray:
        if number not in self._blocks:
            if len(self._blocks) * _BLOCK >= _MAX_KEPT:
                raise DiskError("the run writes more than a dry run can keep in memory")
            start = number * _BLOCK
            kept = self.below.read(start, min(_BLOCK, self.size - start))
            self._blocks[number] = bytearray(kept)
        return self._blocks[number]

    def flush(self) -> None:
        """Do nothing: nothing reaches the device below."""

    def close(self) -> None:
        """Forget what was written; the device below stays open."""
        self._blocks.clear()
