"""A write-back cache of blocks between libntfs-3g and a device.

libntfs-3g reads and writes records of 1 to 8 KiB, but a network block device needs few, large requests.
The library's callbacks pass raw memory addresses, so the cache copies data from and to these.
"""

from __future__ import annotations

import ctypes
from collections import OrderedDict
from ctypes import memmove, string_at

from reseal.disk.device import Device

#: Bytes in a block, the unit of reads from the device.
BLOCK_SIZE = 256 << 10
#: Blocks kept, 32 MiB in all.
CAPACITY = 128
#: A transfer of this size or more bypasses the cache, in parts of LARGE_PART bytes.
LARGE = BLOCK_SIZE
LARGE_PART = 8 << 20


class _Block:
    """A cached block and its dirty range."""

    __slots__ = ("address", "data", "dirty_end", "dirty_start")

    def __init__(self, data: bytes) -> None:
        self.data: bytes | bytearray = data
        self.address = _address(data)
        self.dirty_start = len(data)
        self.dirty_end = 0

    def take(self, start: int, address: int, size: int) -> None:
        """Copy clean data from memory to `start` in the block."""
        if isinstance(self.data, bytes):
            # Few blocks are ever written, so only these are copied to a writable buffer.
            self.data = bytearray(self.data)
            self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.data))
        memmove(self.address + start, address, size)

    def write(self, start: int, address: int, size: int) -> None:
        """Copy new data from memory to `start` in the block, and mark it dirty."""
        self.take(start, address, size)
        self.dirty_start = min(self.dirty_start, start)
        self.dirty_end = max(self.dirty_end, start + size)


def _address(data: bytes) -> int:
    """Return the address of the bytes, for reading only."""
    place = ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value
    assert place is not None
    return place


class BlockCache:
    """The most recently used blocks of a device, written back on eviction or `flush`.

    Only the dirty range of a block is written back, so an overlay under the device grows only by what
    changed.

    Attributes:
        bytes_read: bytes read from the device.
        bytes_written: bytes written to the device.
    """

    def __init__(self, device: Device, capacity: int = CAPACITY) -> None:
        self.device = device
        self.size = device.size
        self.bytes_read = 0
        self.bytes_written = 0
        self._capacity = capacity
        self._blocks: OrderedDict[int, _Block] = OrderedDict()

    def read_to(self, address: int, offset: int, size: int) -> None:
        """Copy bytes from the device to memory.

        Args:
            address: address in memory.
            offset: byte offset on the device.
            size: number of bytes.
        """
        if size >= LARGE:
            self._read_large(address, offset, size)
            return
        while size:
            number, start = divmod(offset, BLOCK_SIZE)
            part = min(size, BLOCK_SIZE - start)
            memmove(address, self._block(number).address + start, part)
            address += part
            offset += part
            size -= part

    def write_from(self, address: int, offset: int, size: int) -> None:
        """Copy bytes from memory to the device.

        Args:
            address: address in memory.
            offset: byte offset on the device.
            size: number of bytes.
        """
        if size >= LARGE:
            self._write_large(address, offset, size)
            return
        while size:
            number, start = divmod(offset, BLOCK_SIZE)
            part = min(size, BLOCK_SIZE - start)
            self._block(number).write(start, address, part)
            address += part
            offset += part
            size -= part

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes at `offset` of the device."""
        buffer = ctypes.create_string_buffer(size)
        self.read_to(ctypes.addressof(buffer), offset, size)
        return buffer.raw

    def write(self, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset` of the device."""
        buffer = ctypes.create_string_buffer(data, len(data))
        self.write_from(ctypes.addressof(buffer), offset, len(data))

    def flush(self) -> None:
        """Write all dirty ranges to the device in ascending order, and flush the device."""
        for number in sorted(self._blocks):
            self._write_back(number, self._blocks[number])
        self.device.flush()

    def _block(self, number: int) -> _Block:
        block = self._blocks.get(number)
        if block is not None:
            self._blocks.move_to_end(number)
            return block
        if len(self._blocks) >= self._capacity:
            oldest = next(iter(self._blocks))
            # Keep the block until the device has it: a failed write must not lose data.
            self._write_back(oldest, self._blocks[oldest])
            del self._blocks[oldest]
        start = number * BLOCK_SIZE
        size = min(BLOCK_SIZE, self.size - start)
        block = _Block(self.device.read(start, size))
        self.bytes_read += size
        self._blocks[number] = block
        return block

    def _write_back(self, number: int, block: _Block) -> None:
        start, end = block.dirty_start, block.dirty_end
        if start < end:
            self.device.write(number * BLOCK_SIZE + start, bytes(block.data[start:end]))
            self.bytes_written += end - start
            block.dirty_start, block.dirty_end = len(block.data), 0

    def _read_large(self, address: int, offset: int, size: int) -> None:
        while size:
            part = min(size, LARGE_PART)
            memmove(address, self.device.read(offset, part), part)
            self.bytes_read += part
            for block, inside, start, length in self._overlaps(offset, part):
                # The cached copy may be newer than the device.
                memmove(address + start, block.address + inside, length)
            address += part
            offset += part
            size -= part

    def _write_large(self, address: int, offset: int, size: int) -> None:
        while size:
            part = min(size, LARGE_PART)
            self.device.write(offset, string_at(address, part))
            self.bytes_written += part
            for block, inside, start, length in self._overlaps(offset, part):
                block.take(inside, address + start, length)
            address += part
            offset += part
            size -= part

    def _overlaps(self, offset: int, size: int) -> list[tuple[_Block, int, int, int]]:
        """Return the cached parts of a range: block, offset in it, offset in the range, size."""
        first, last = offset // BLOCK_SIZE, (offset + size - 1) // BLOCK_SIZE
        found = []
        for number in range(first, last + 1):
            block = self._blocks.get(number)
            if block is not None:
                base = number * BLOCK_SIZE
                start, end = max(offset, base), min(offset + size, base + len(block.data))
                found.append((block, start - base, start - offset, end - start))
        return found
