"""VHD: Virtual PC's and Hyper-V's older format.

Documented in Microsoft's Virtual Hard Disk Image Format Specification.
"""

from __future__ import annotations

import sys
from array import array
from typing import Any

from reseal.disk.formats.header import SECTOR, ContainerFile, Header

MAGIC = b"conectix"

# cookie, features, version, data offset, time, creator, its version and system, original size,
# current size, cylinders, heads, sectors, type
_FOOTER = ">8sIIQI4sI4sQQHBBI"
_FIXED, _DYNAMIC, _DIFFERENCING = 2, 3, 4

# cookie, data offset, table offset, version, table entries, block size
_DYNAMIC_HEADER = ">8sQQIII"
_UNALLOCATED = 0xFFFFFFFF

#: Programs whose current-size field qemu believes; for all others it takes the geometry, which
#: loses the end of a disk whose size is not a multiple of a cylinder (block/vpc.c, seen in qemu 7.2).
_SIZE_BELIEVED = (b"win ", b"qem2", b"d2v ", b"tap\0", b"CTXS")
_GEOMETRY_LIMIT = 65535 * 16 * 255


def parse(file: ContainerFile) -> Header:
    """Read the footer of a VHD image, or the copy of it at the start of a dynamic one.

    Raises:
        DiskError: it is damaged, or a differencing disk.
    """
    (creator, *_, size, cylinders, heads, sectors, kind) = _footer(file)[5:]
    if size == 0 or size % SECTOR:
        raise file.damaged(f"it claims a disk of {size} bytes")
    if kind == _FIXED:
        return Header(
            format="vhd",
            size=size,
            options={"driver": "raw", "offset": 0, "size": size},
            create={"subformat": "fixed"},
        )
    if kind == _DIFFERENCING:
        raise file.refused(
            "it is a differencing VHD, which QEMU does not support",
            hint="Merge it into its parent first (Merge-VHD in Hyper-V).",
        )
    if kind != _DYNAMIC:
        raise file.damaged(f"{kind} is not a type of VHD")
    geometry = cylinders * heads * sectors
    believed = creator in _SIZE_BELIEVED or geometry == _GEOMETRY_LIMIT
    force = {} if believed or geometry * SECTOR == size else {"force_size_calc": "current_size"}
    return Header(
        format="vhd",
        size=size,
        options={"driver": "vpc", **force},
        create={"subformat": "dynamic"},
    )


def _footer(file: ContainerFile) -> tuple[Any, ...]:
    return file.fields(_FOOTER, 0 if file.starts_with(MAGIC) else file.size - SECTOR, "footer")


def require_whole(file: ContainerFile) -> None:
    """Check that the footer, the block table and every block are in the file.

    Raises:
        DiskError: the file is truncated or damaged.
    """
    (_, _, _, header_offset, *_, size, _, _, _, kind) = _footer(file)
    if kind == _FIXED:
        file.require(0, size + SECTOR, "data")
        return
    # A footer of 511 bytes comes from Virtual PC before 2004.
    if not any(file.starts_with(MAGIC, file.size - length) for length in (SECTOR, SECTOR - 1)):
        raise file.damaged("it does not end with a VHD footer, so it is truncated")
    cookie, _, table_offset, _, entries, block_size = file.fields(
        _DYNAMIC_HEADER, header_offset, "dynamic header"
    )
    if cookie != b"cxsparse":
        raise file.damaged("its dynamic header is missing")
    if block_size < SECTOR or block_size & (block_size - 1) or entries * block_size < size:
        raise file.damaged(f"its block table of {entries} × {block_size} bytes can't be right")
    table = array("I", file.read(table_offset, entries * 4, "block table"))
    if sys.byteorder == "little":
        table.byteswap()
    last = max((entry for entry in table if entry != _UNALLOCATED), default=0)
    if last:
        bitmap = -(-block_size // SECTOR // 8 // SECTOR) * SECTOR
        file.require(last * SECTOR, bitmap + block_size, "last block")
