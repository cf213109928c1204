"""Read a directory's index.

In case-insensitive mode, the library's reader lower-cases all names and opens each file to guess its
Unix file type. So this module reads the index.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

from reseal.ntfs import records
from reseal.ntfs.inode import Inode
from reseal.ntfs.records import DirectoryEntry
from reseal.tree import TreeError

INDEX_NAME = "$I30"
BLOCK_SIZES = (512, 1024, 2048, 4096, 8192, 16384, 32768, 65536)
#: Bytes of index blocks per read.
PART = 256 << 10


def entries(directory: Inode) -> Iterator[DirectoryEntry]:
    """Yield all names in a directory, including short names, in no particular order.

    Raises:
        TreeError: it is not a directory, or its index is damaged.
    """
    root = directory.read(records.INDEX_ROOT, INDEX_NAME)
    block_size = int.from_bytes(root[8:12], "little")
    if block_size not in BLOCK_SIZES:
        msg = f"{directory.path or 'The root'} on {directory.mount.name} is not a readable folder."
        raise TreeError(msg)
    yield from records.root_entries(root)
    allocation = directory.attribute(records.INDEX_ALLOCATION, INDEX_NAME)
    if allocation is None:
        return
    blocks = allocation.size // block_size
    bitmap = directory.read(records.BITMAP, INDEX_NAME, size=(blocks + 7) // 8)
    for first, count in _runs(bitmap, blocks, PART // block_size):
        raw = _read_blocks(directory, first, count, block_size)
        for start in range(0, len(raw), block_size):
            yield from records.block_entries(raw[start : start + block_size])


def _runs(bitmap: bytes, blocks: int, longest: int) -> Iterator[tuple[int, int]]:
    """Yield (first, count) of the blocks in use, at most `longest` at a time."""
    start: int | None = None
    for number in range(min(blocks, 8 * len(bitmap)) + 1):
        used = number < min(blocks, 8 * len(bitmap)) and bitmap[number >> 3] >> (number & 7) & 1
        if start is not None and (not used or number - start == longest):
            yield start, number - start
            start = None
        if used and start is None:
            start = number


def _read_blocks(directory: Inode, first: int, count: int, block_size: int) -> bytes:
    """Read index blocks and undo their update sequences."""
    buffer = ctypes.create_string_buffer(count * block_size)
    mount = directory.mount
    done = directory.with_attribute(
        records.INDEX_ALLOCATION,
        INDEX_NAME,
        lambda opened: mount.call(
            mount.calls.ntfs_attr_mst_pread, opened, first * block_size, count, block_size, buffer
        ),
    )
    if done != count:
        raise mount.error("can't be listed", directory.path)
    return buffer.raw
