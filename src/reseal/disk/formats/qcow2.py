"""qcow2: QEMU's own format (docs/interop/qcow2.txt in QEMU's sources)."""

from __future__ import annotations

import os
import struct
import sys
from array import array
from collections.abc import Iterator
from pathlib import Path

from reseal.disk.formats.header import ContainerFile, Header, Mark, Reference
from reseal.disk.qemu import file_node, json_name
from reseal.errors import ImageError
from reseal.process import run_tool

MAGIC = b"QFI\xfb"

# magic, version, backing file (offset, length), cluster bits, size, encryption, L1 (entries,
# offset), refcount table (offset, clusters), snapshots (number, offset)
_HEADER = ">4sIQIIQIIQQIIQ"
# incompatible, compatible and autoclear features, refcount order, header length
_HEADER_V3 = ">QQQII"

_DIRTY, _CORRUPT, _DATA_FILE, _COMPRESSION, _EXTENDED_L2 = (1 << bit for bit in range(5))
_INCOMPATIBLE_KNOWN = _DIRTY | _CORRUPT | _DATA_FILE | _COMPRESSION | _EXTENDED_L2

# L1 table (offset, entries), sizes of id and name, date (s, ns), the machine's clock, its state, extra data
_SNAPSHOT = ">8x4xHH4x4x8x4xI"
#: More snapshots than this are refused by QEMU as well (QCOW_MAX_SNAPSHOTS).
_MAX_SNAPSHOTS = 65536

_EXTENSION_END = 0
_EXTENSION_BACKING_FORMAT = 0xE2792ACA
_EXTENSION_DATA_FILE = 0x44415441
#: reseal's own: a merge into the image has begun (`reseal.disk.mark`). "RSLJ".
EXTENSION_MARK = 0x52534C4A
#: What such an extension begins with; the journal's id of 32 digits and its path follow.
MARK_ID = b"reseal-1"
_ID_LENGTH = 32


_OFFSET_MASK = 0x00FF_FFFF_FFFF_FE00  # of an L1 or L2 entry: bits 9 to 55
_ZERO = 1  # of an L2 entry: the cluster reads as zeros


def parse(file: ContainerFile) -> Header:
    """Read the header of a qcow2 image.

    Raises:
        DiskError: it is damaged, encrypted or of an unknown kind.
    """
    (
        _,
        version,
        backing_offset,
        backing_length,
        cluster_bits,
        size,
        encryption,
        *_,
        snapshots,
        snapshot_table,
    ) = file.fields(_HEADER, 0, "header")
    if version not in {2, 3}:
        raise file.refused(f"version {version} of qcow2 is not supported")
    if not 9 <= cluster_bits <= 21:
        raise file.damaged(f"it claims clusters of 2^{cluster_bits} bytes")
    if encryption:
        raise file.refused("it is encrypted", hint="Decrypt it with qemu-img convert first.")
    incompatible, header_length, refcount_order = 0, 72, 4
    if version == 3:
        incompatible, _, _, refcount_order, header_length = file.fields(_HEADER_V3, 72, "header")
    if incompatible & ~_INCOMPATIBLE_KNOWN or refcount_order > 6:
        raise file.refused(f"it uses unknown features of qcow2 ({incompatible:#x})")
    if incompatible & _CORRUPT:
        raise file.damaged("QEMU has marked it as corrupt; qemu-img check gives details")

    cluster = 1 << cluster_bits
    extensions = dict(_extensions(file, header_length, cluster))
    backing = data_file = None
    if backing_offset:
        if not 1 <= backing_length <= 1023:
            raise file.damaged(f"the name of its backing file has {backing_length} bytes")
        name = _text(file, file.read(backing_offset, backing_length, "backing file name"))
        backing = Reference(
            name, _text(file, extensions.get(_EXTENSION_BACKING_FORMAT, b"")) or None
        )
    if incompatible & _DATA_FILE:
        data_file = _text(file, extensions.get(_EXTENSION_DATA_FILE, b""))
        if not data_file:
            raise file.damaged("it keeps its data in another file and does not name it")

    return Header(
        format="qcow2",
        size=size,
        options={"driver": "qcow2"},
        backing=backing,
        data_file=data_file,
        snapshots=tuple(_snapshots(file, snapshots, snapshot_table)),
        mark=_mark(extensions.get(EXTENSION_MARK)),
        create={
            "compat": "1.1" if version == 3 else "0.10",
            "cluster_size": str(cluster),
            **({"extended_l2": "on"} if incompatible & _EXTENDED_L2 else {}),
        },
    )


def require_whole(file: ContainerFile) -> None:
    """Check that no table and no cluster lies beyond the end of the file.

    Raises:
        DiskError: the file is truncated.
    """
    _, version, *_ = file.fields(_HEADER, 0, "header")
    (*_, cluster_bits, _, _, l1_entries, l1_offset, refcounts, refcount_clusters, _, _) = (
        file.fields(_HEADER, 0, "header")
    )
    incompatible, refcount_order = 0, 4
    if version == 3:
        incompatible, _, _, refcount_order, _ = file.fields(_HEADER_V3, 72, "header")
    cluster = 1 << cluster_bits
    file.read(l1_offset, l1_entries * 8, "L1 table")
    refcount_table = _table(file, refcounts, refcount_clusters * cluster // 8, "refcount table")
    if incompatible & _DATA_FILE:
        return  # the clusters lie in another file
    if _end_in_use(file, refcount_table, cluster, refcount_order) > file.size:
        _require_clusters(file)


def allocated_clusters(file: ContainerFile) -> Iterator[int]:
    """Yield the offset on the disk of each cluster that an overlay holds itself.

    For an overlay of our own making: neither compressed nor with subclusters.
    """
    (*_, cluster_bits, _, _, l1_entries, l1_offset, _, _, _, _) = file.fields(_HEADER, 0, "header")
    cluster = 1 << cluster_bits
    for first, l2_offset in enumerate(_table(file, l1_offset, l1_entries, "L1 table")):
        if l2_offset & _OFFSET_MASK:
            l2 = _table(file, l2_offset & _OFFSET_MASK, cluster // 8, "L2 table")
            for index, entry in enumerate(l2):
                if entry & (_OFFSET_MASK | _ZERO):
                    yield (first * len(l2) + index) * cluster


def _extensions(file: ContainerFile, offset: int, cluster: int) -> Iterator[tuple[int, bytes]]:
    """Yield (type, data) of each header extension; all of them lie in the first cluster."""
    while offset + 8 <= cluster:
        kind, length = file.fields(">II", offset, "header")
        if kind == _EXTENSION_END:
            return
        if length > cluster - offset - 8:
            raise file.damaged("its header extensions are longer than its first cluster")
        yield kind, file.read(offset + 8, length, "header")
        offset += 8 + (length + 7) // 8 * 8


def _snapshots(file: ContainerFile, count: int, offset: int) -> Iterator[str]:
    """Yield the names of the internal snapshots, as QEMU's tools show them.

    Raises:
        DiskError: there are more than QEMU takes, or the table is damaged.
    """
    if count > _MAX_SNAPSHOTS:
        raise file.damaged(f"it claims {count} snapshots")
    for _ in range(count):
        id_size, name_size, extra = file.fields(_SNAPSHOT, offset, "snapshot table")
        start = offset + struct.calcsize(_SNAPSHOT) + extra
        name = file.read(start + id_size, name_size, "snapshot table")
        yield name.decode("utf-8", "backslashreplace")
        offset += -(-(start + id_size + name_size - offset) // 8) * 8


def _mark(said: bytes | None) -> Mark | None:
    """Return what a mark of reseal's says; one that can't be understood is a mark all the same."""
    if said is None:
        return None
    ident = said.removeprefix(MARK_ID)[:_ID_LENGTH].decode("ascii", "replace")
    named = Path(os.fsdecode(said[len(MARK_ID) + _ID_LENGTH :].split(b"\0")[0]) or "unknown")
    # No more than a name to be shown, and looked for in the image's own folder.
    return Mark(ident, named)


def _text(file: ContainerFile, data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise file.damaged("a name in its header is not UTF-8") from error
    if "\0" in text:
        raise file.damaged("a name in its header holds a null character")
    return text


def _table(file: ContainerFile, offset: int, entries: int, what: str) -> array[int]:
    table = array("Q", file.read(offset, entries * 8, what))
    if sys.byteorder == "little":
        table.byteswap()
    return table


def _end_in_use(file: ContainerFile, refcount_table: array[int], cluster: int, order: int) -> int:
    """Return the end of the last cluster that the refcounts call used, in bytes.

    The clusters are handed out in order, so this tells a truncated file at the cost of one block.
    """
    for index in range(len(refcount_table) - 1, -1, -1):
        if block_offset := refcount_table[index] & ~511:
            block = file.read(block_offset, cluster, "last refcount block")
            used = len(block.rstrip(b"\0"))
            if used:
                per_block = cluster * 8 >> order
                last = ((used - 1) * 8 >> order) + index * per_block
                # The file ends with the last byte written, which may be anywhere in the cluster.
                return last * cluster + 1
    return 0


def _require_clusters(file: ContainerFile) -> None:
    """Have QEMU check a file whose refcounts point beyond its end.

    A cluster that is counted but nowhere used was lost in a crash and does no harm.
    """
    node = {"driver": "qcow2", "backing": None, "file": file_node(file.path)}
    try:
        run_tool(["qemu-img", "check", "-q", json_name(node)])
    except ImageError as error:
        if "exceeding the end of the file" in error.message:
            raise file.truncated("some of its clusters are missing") from error
