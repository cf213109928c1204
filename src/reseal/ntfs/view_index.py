"""The entries of a metadata file's index in order, with changes in place.

Layout: documented by the Linux-NTFS project. The index is a tree: the root node is in the file record,
the others in index blocks. An entry in a node with children points to the node with the smaller keys.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from reseal.ntfs import boot, records
from reseal.ntfs.errors import VolumeError
from reseal.ntfs.raw import RawVolume, Record, Value

#: An entry: offset and length of its data, 4 bytes reserved, its length, its key's length, flags.
_ENTRY = struct.Struct("<HH4xHHH2x")
_HAS_CHILD, _LAST = 0x1, 0x2
#: Offset of the node header in the root and in an index block. The header has the offset of the first
#: entry and the bytes in use, both relative to the header.
_ROOT_HEADER, _BLOCK_HEADER = 16, 24
_BLOCK_SIZE_AT = 8
_BLOCK_NUMBER_AT = 16
#: Maximum depth, far above real indexes.
_MAX_DEPTH = 16
_MAX_BLOCKS_SIZE = 1 << 30


@dataclass(slots=True)
class _Node:
    """A node's bytes with the update sequence undone."""

    data: bytearray
    block: int | None = None
    record: Record | None = None
    changed: bool = False


@dataclass(slots=True)
class Slot:
    """The place of one entry. Key and data have a fixed size.

    Attributes:
        key: the numbers of the key.
        data: the data of the entry.
    """

    key: tuple[int, ...]
    data: bytes
    _format: str
    _node: _Node
    _key_at: int
    _data_at: int

    def set(self, key: tuple[int, ...], data: bytes) -> None:
        """Store another entry in this place."""
        if (key, data) == (self.key, self.data):
            return
        assert len(data) == len(self.data)
        struct.pack_into(self._format, self._node.data, self._key_at, *key)
        self._node.data[self._data_at : self._data_at + len(data)] = data
        self._node.changed = True
        if self._node.record is not None:
            self._node.record.changed = True
        self.key, self.data = key, data


@dataclass(slots=True)
class _Walk:
    """The nodes from the root to the current one: (node, offset of its next entry)."""

    stack: list[tuple[_Node, int, int]] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)


class ViewIndex:
    """An index whose keys are numbers, such as `$SII` and `$SDH`.

    Args:
        volume: the volume.
        number: number of the file record.
        name: name of the index.
        key_format: `struct` format of a key.
        data_size: bytes of data per entry.

    Attributes:
        slots: the places of all entries, in the order of the index.

    Raises:
        VolumeError: the index is damaged.
    """

    def __init__(
        self, volume: RawVolume, number: int, name: str, key_format: str, data_size: int
    ) -> None:
        self._volume = volume
        self._data_size = data_size
        self._name = name
        self._format = key_format
        root = volume.value(number, records.INDEX_ROOT, name)
        record = root.record
        if record is None or root.size < _ROOT_HEADER + 16:
            raise volume.damaged(f"the root of {name} is unreadable")
        (self._block_size,) = struct.unpack_from("<I", record.data, root.offset + _BLOCK_SIZE_AT)
        if not 512 <= self._block_size <= boot.MAX_INDEX_BLOCK_SIZE or (
            self._block_size & (self._block_size - 1)
        ):
            raise volume.damaged(f"{name} has an impossible block size")
        # Block numbers count clusters, or 512-byte sectors if a cluster is larger than a block.
        cluster = volume.boot.cluster_size
        self._unit = cluster if cluster <= self._block_size else 512
        self._blocks: Value | None = None
        if volume.has(number, records.INDEX_ALLOCATION, name):
            self._blocks = volume.value(number, records.INDEX_ALLOCATION, name)
        self._nodes: list[_Node] = []
        header = root.offset + _ROOT_HEADER
        node = _Node(record.data, record=record)
        self.slots = list(self._walk(node, header, root.offset + root.size))

    def _walk(self, root: _Node, header: int, limit: int) -> Iterator[Slot]:
        """Yield the entries in order: the child of an entry before the entry itself."""
        walk = _Walk()
        self._enter(walk, root, header, limit)
        while walk.stack:
            node, position, end = walk.stack.pop()
            data_at, data_size, length, key_size, flags = self._entry(node, position, end)
            # After a child, the walk returns to the same entry of the parent.
            child = self._child(node, position, length) if flags & _HAS_CHILD else None
            if child is not None and child not in walk.seen:
                walk.seen.add(child)
                walk.stack.append((node, position, end))
                block = self._block(child)
                self._enter(walk, block, _BLOCK_HEADER, len(block.data))
                continue
            if flags & _LAST:
                continue
            key_at = position + _ENTRY.size
            if key_size != struct.calcsize(self._format) or data_at < _ENTRY.size + key_size:
                raise self._damaged()
            if data_size != self._data_size or data_at + data_size > length:
                raise self._damaged()
            key = struct.unpack_from(self._format, node.data, key_at)
            start = position + data_at
            data = bytes(node.data[start : start + data_size])
            yield Slot(key, data, self._format, node, key_at, start)
            walk.stack.append((node, position + length, end))

    def _enter(self, walk: _Walk, node: _Node, header: int, limit: int) -> None:
        first, used = struct.unpack_from("<II", node.data, header)
        if header + used > limit or first < 16 or len(walk.stack) >= _MAX_DEPTH:
            raise self._damaged()
        walk.stack.append((node, header + first, header + used))

    def _entry(self, node: _Node, position: int, end: int) -> tuple[int, int, int, int, int]:
        if position + _ENTRY.size > end:
            raise self._damaged()
        data_at, data_size, length, key_size, flags = _ENTRY.unpack_from(node.data, position)
        if length < _ENTRY.size or length % 8 or position + length > end:
            raise self._damaged()
        return data_at, data_size, length, key_size, flags

    def _child(self, node: _Node, position: int, length: int) -> int:
        if length < _ENTRY.size + 8:
            raise self._damaged()
        return int(struct.unpack_from("<Q", node.data, position + length - 8)[0])

    def _block(self, number: int) -> _Node:
        blocks = self._blocks
        if blocks is None or blocks.record is not None or blocks.size > _MAX_BLOCKS_SIZE:
            raise self._damaged()
        data = bytearray(self._volume.read(blocks, number * self._unit, self._block_size))
        if data[:4] != b"INDX":
            raise self._damaged()
        self._volume.unprotect(data, f"a block of {self._name}")
        if struct.unpack_from("<Q", data, _BLOCK_NUMBER_AT)[0] != number:
            raise self._damaged()
        node = _Node(data, block=number)
        self._nodes.append(node)
        return node

    def _damaged(self) -> VolumeError:
        return self._volume.damaged(f"the index {self._name} is unreadable")

    def writes(self) -> Iterator[tuple[int, bytes]]:
        """Yield (place in the volume, bytes) of changed blocks; the root belongs to its record."""
        for node in self._nodes:
            if node.changed and node.block is not None and self._blocks is not None:
                data = self._volume.protect(node.data)
                yield from self._volume.writes(self._blocks, node.block * self._unit, data)
