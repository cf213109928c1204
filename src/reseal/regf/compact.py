"""Rewrite a hive without free space and stale data."""

from __future__ import annotations

import struct

from reseal.regf import baseblock, names, node
from reseal.regf.hive import Hive
from reseal.regf.reader import Reader
from reseal.regf.writer import PlainChild, PlainKey, Writer


def compact(hive: Hive) -> Hive:
    """Return a new hive with the same keys, values, classes, descriptors and times.

    Only free space is dropped. Times, flags, fields of layered keys and the ids of the base block stay.
    Lists are sorted and get the type of the hive's version. The caller writes the result whole
    (`to_bytes`), because the file is shorter.

    Raises:
        RegfError: the hive is damaged.
    """
    cells = hive.cells
    reader = Reader(cells)

    def expand(offset: int) -> PlainKey[int]:
        key = nodes.pop(offset)
        below = {child: reader.node(child) for child in reader.children(offset, key)}
        nodes.update(below)
        children: list[PlainChild[int]] = [
            (child, below[child].stored_name, bool(below[child].flags & node.COMPRESSED))
            for child in sorted(below, key=lambda child: names.upcase(below[child].name))
        ]
        return PlainKey(
            flags=key.flags,
            time=key.time,
            descriptor=reader.descriptor(key),
            values=((v.stored_name, v.flags, v.type, v.data, v.spare) for v in reader.values(key)),
            children=children,
            class_data=reader.class_data(key),
            access=key.access,
            virtual=key.max_name >> 16,
            work=key.work,
            predefined=key.value_count if key.flags & node.PREDEFINED else None,
        )

    root = reader.node(hive.root_offset)
    nodes = {hive.root_offset: root}
    base = bytearray(cells.data[: baseblock.SIZE])
    # A sound hive does not grow, except for the unused ends of its bins.
    limit = min(2 * cells.bins_size + 65536, baseblock.BINS_LIMIT)
    writer = Writer(base, expand, limit)
    data = writer.write(
        hive.root_offset, root.stored_name, compressed=bool(root.flags & node.COMPRESSED)
    )
    sequences = [hive.next_sequence] * 2
    struct.pack_into("<II", data, baseblock.PRIMARY_SEQUENCE, *sequences)
    struct.pack_into("<I", data, baseblock.CHECKSUM, baseblock.checksum(data))
    result = Hive.open(data, name=hive.name)
    result.timestamp = hive.timestamp
    return result
