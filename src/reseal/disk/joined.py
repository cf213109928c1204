"""Several disks of one machine as one device, so that all above sees one set of volumes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from reseal.disk.device import Device, Slice, check_range

#: Each disk begins at a multiple of this, in bytes.
_ALIGNMENT = 1 << 20


class Joined:
    """Disks one after the other. A volume lies on one of them; nothing is read across two.

    Attributes:
        size: bytes from the first disk to the end of the last.
        read_only: whether writing is refused.
        disks: the disks.
        starts: where each begins.
    """

    def __init__(self, disks: Sequence[Device]) -> None:
        self.disks = disks
        self.starts: list[int] = []
        self.size = 0
        for disk in disks:
            start = -(-self.size // _ALIGNMENT) * _ALIGNMENT
            self.starts.append(start)
            self.size = start + disk.size
        self.read_only = any(disk.read_only for disk in disks)

    def _at(self, offset: int, size: int) -> tuple[Device, int]:
        check_range(self, offset, size)
        number = sum(start <= offset for start in self.starts) - 1
        return self.disks[number], offset - self.starts[number]

    def read(self, offset: int, size: int) -> bytes:
        """Return exactly `size` bytes from `offset`."""
        disk, inside = self._at(offset, size)
        return disk.read(inside, size)

    def write(self, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset`."""
        disk, inside = self._at(offset, len(data))
        disk.write(inside, data)

    def zero(self, offset: int, size: int) -> None:
        """Let a range read as zeros."""
        disk, inside = self._at(offset, size)
        Slice(disk, inside, size).zero(0, size)

    def data(self, offset: int, size: int) -> Iterator[tuple[int, int]]:
        """Yield offset and size of the parts of a range that may hold anything but zeros."""
        disk, inside = self._at(offset, size)
        for start, length in Slice(disk, inside, size).data(0, size):
            yield offset + start, length

    def flush(self) -> None:
        """Flush all disks."""
        for disk in self.disks:
            disk.flush()

    def close(self) -> None:
        """Close all disks."""
        with ExitStack() as stack:
            for disk in self.disks:
                stack.callback(disk.close)
