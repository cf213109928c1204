"""VDI: VirtualBox's format (include/VBox/vd.h and VDICore.h in VirtualBox's sources)."""

from __future__ import annotations

import os
import struct
from array import array
from pathlib import Path

from reseal.disk.formats.header import SECTOR, ContainerFile, Header

MAGIC = b"\x7f\x10\xda\xbe"
MAGIC_OFFSET = 0x40

# version, header size, image type
_HEADER = "<III"
_HEADER_OFFSET = 0x44
# block map, data, geometry (4 words), unused, disk size, block size, extra bytes in a block,
# blocks, blocks allocated
_LAYOUT = "<II16xIQIIII"
_LAYOUT_OFFSET = 0x154
_LINKS_OFFSET = 0x1A8  # ids of the previous image and of the parent
_DYNAMIC, _STATIC = 1, 2
_ALLOCATED_OFFSET = 0x184
_UNALLOCATED = 0xFFFFFFFE  # and above: discarded, or never written
_NEVER_WRITTEN = 0xFFFFFFFF


def parse(file: ContainerFile) -> Header:
    """Read the header of a VDI image.

    Raises:
        DiskError: it is damaged, or a differencing image.
    """
    version, _, kind = file.fields(_HEADER, _HEADER_OFFSET, "header")
    if version != 0x00010001:
        raise file.refused(f"version {version >> 16}.{version & 0xFFFF} of VDI is not supported")
    _, _, _, size, block_size, _, blocks, _ = file.fields(_LAYOUT, _LAYOUT_OFFSET, "header")
    if kind not in {_DYNAMIC, _STATIC} or any(file.read(_LINKS_OFFSET, 32, "header")):
        raise file.refused(
            "it is a differencing VDI, which QEMU does not support",
            hint="Copy it into an image of its own first (VBoxManage clonemedium).",
        )
    if block_size < SECTOR or size == 0 or blocks * block_size < size:
        raise file.damaged(f"{blocks} blocks of {block_size} bytes can't hold {size} bytes")
    return Header(
        format="vdi",
        size=-(-size // SECTOR) * SECTOR,
        options={"driver": "vdi"},
        create={"static": "on"} if kind == _STATIC else {},
    )


def undo_allocations(path: Path, end: int) -> None:
    """Forget every block at or behind the byte `end`, where an interrupted merge has added them.

    QEMU counts a block before it maps it, and maps blocks whose neighbours it has not counted yet:
    going on from such a state, it would give the same block to two places of the disk.
    """
    with path.open("r+b") as image:
        map_offset, data_offset, block_size, table = _map(path)
        image.truncate(end)
        whole = (end - data_offset) // block_size
        table = array("I", (each if each < whole else _NEVER_WRITTEN for each in table))
        image.seek(map_offset)
        image.write(table.tobytes())
    recount(path)


def recount(path: Path) -> None:
    """Correct the number of blocks in the header.

    Seen in QEMU 7.2: writes of the header overtake each other, and once in some hundred merges the
    number that stays is too small. The next block would then be given to two places of the disk.
    """
    _, _, _, table = _map(path)
    allocated = max((each for each in table if each < _UNALLOCATED), default=-1) + 1
    with path.open("r+b") as image:
        image.seek(_ALLOCATED_OFFSET)
        image.write(struct.pack("<I", allocated))
        image.flush()
        os.fsync(image.fileno())


def _map(path: Path) -> tuple[int, int, int, array[int]]:
    """Return the offsets of block map and data, the size of a block, and the block map."""
    with ContainerFile(path) as file:
        map_offset, data_offset, _, _, block_size, _, blocks, _ = file.fields(
            _LAYOUT, _LAYOUT_OFFSET, "header"
        )
        table = array("I", file.read(map_offset, blocks * 4, "block map"))
    return map_offset, data_offset, block_size, table


def require_whole(file: ContainerFile) -> None:
    """Check that the block map and every block are in the file.

    Raises:
        DiskError: the file is truncated.
    """
    map_offset, data_offset, _, _, block_size, _, blocks, _ = file.fields(
        _LAYOUT, _LAYOUT_OFFSET, "header"
    )
    table = array("I", file.read(map_offset, blocks * 4, "block map"))
    last = max((entry for entry in table if entry < _UNALLOCATED), default=-1)
    file.require(data_offset, (last + 1) * block_size, "last block")
