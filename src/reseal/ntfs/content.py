"""Read and replace data streams, including compressed ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from reseal.ntfs import records
from reseal.ntfs.inode import MAX_READ, Inode
from reseal.ntfs.records import Attribute
from reseal.tree import EscapeError, TreeError

#: Reparse tags (documented, "Reparse Point Tags").
TAG_WOF = 0x80000017
TAG_DEDUPLICATED = 0x80000013
#: Name surrogate bit of a tag: the file refers to another one (links, junctions, mount points).
NAME_SURROGATE = 0x20000000

#: Zeros that are written at once.
_ZEROS = bytes(1 << 20)

#: The stream in which CompactOS stores the compressed content of a file (documented, wofapi).
WOF_STREAM = "WofCompressedData"


def _subject(inode: Inode) -> str:
    return f"{inode.path or 'The root'} on {inode.mount.name}"


def _refuse_link(inode: Inode, tag: int) -> None:
    if tag & NAME_SURROGATE:
        msg = f"{_subject(inode)} is a link, which may point outside the volume."
        raise EscapeError(msg)


def _stream(inode: Inode, stream: str) -> Attribute:
    attribute = inode.attribute(records.DATA, stream)
    if attribute is None:
        what = f"has no stream {stream}" if stream else "is a folder"
        msg = f"{_subject(inode)} {what}."
        raise TreeError(msg)
    if attribute.encrypted:
        msg = f"{_subject(inode)} is encrypted (EFS)."
        raise TreeError(msg)
    return attribute


def read(inode: Inode, stream: str, offset: int, size: int | None) -> bytes:
    """Read a stream, with LZNT1 decompressed.

    Args:
        inode: the file.
        stream: name of the stream; empty for the unnamed one.
        offset: byte offset in the stream.
        size: maximum number of bytes; None reads to the end.

    Raises:
        EscapeError: the file is a link.
        TreeError: its content is stored elsewhere or encrypted, or the volume is damaged.
    """
    tag = 0 if stream else inode.reparse_tag
    _refuse_link(inode, tag)
    if tag in {TAG_WOF, TAG_DEDUPLICATED}:
        how = "compressed (CompactOS)" if tag == TAG_WOF else "deduplicated"
        msg = f"{_subject(inode)} is {how}, and its content can't be read."
        raise TreeError(msg)
    _stream(inode, stream)
    return inode.read(records.DATA, stream, offset, size)


#: Zeroes the clusters of a stream, which its replacement frees.
Clear: TypeAlias = Callable[[Inode, str], None]


def replace(inode: Inode, stream: str, data: bytes, clear: Clear) -> None:
    """Replace the content of a stream; add a named stream that is missing.

    A CompactOS or deduplicated file becomes an ordinary file. A compressed or sparse value is first
    emptied and then written whole, because libntfs-3g has limits in rewriting single blocks of it. Clusters
    that are freed are zeroed before, since they would keep the old content.

    Args:
        inode: the file.
        stream: name of the stream; empty for the unnamed one.
        data: the new content.
        clear: zeroes the clusters of a stream.

    Raises:
        EscapeError: the file is a link.
        TreeError: it is encrypted or an unknown kind of reparse point, or the volume is full.
    """
    if not stream:
        _free_of_reparse_point(inode, clear)
    elif inode.attribute(records.DATA, stream) is None:
        inode.add_data(stream)
    attribute = _stream(inode, stream)
    if attribute.compressed or attribute.sparse:
        clear(inode, stream)
        inode.truncate(stream, 0)
        inode.write(stream, 0, data)
        return
    inode.write(stream, 0, data)
    if len(data) < attribute.size:
        for start in range(len(data), attribute.size, len(_ZEROS)):
            inode.write(stream, start, _ZEROS[: attribute.size - start])
        inode.truncate(stream, len(data))


def patch(inode: Inode, offset: int, data: bytes, clear: Clear) -> None:
    """Write into the unnamed stream; fill a gap after the old end with zeros.

    Args:
        inode: the file.
        offset: byte offset in the stream.
        data: bytes to write.
        clear: zeroes the clusters of a stream.

    Raises:
        EscapeError: the file is a link.
        TreeError: as for `read` and `replace`, or `offset` is out of range.
    """
    tag = inode.reparse_tag
    attribute = _stream(inode, "")
    end = offset + len(data)
    if offset < 0 or end > MAX_READ:
        msg = f"{_subject(inode)} can't be written at {offset}."
        raise TreeError(msg)
    if tag or attribute.compressed:
        content = bytearray(read(inode, "", 0, None))
        content.extend(bytes(max(end - len(content), 0)))
        content[offset:end] = data
        replace(inode, "", bytes(content), clear)
    else:
        # The library would leave a hole for a gap, which makes the file sparse.
        gap = max(offset - attribute.size, 0)
        inode.write("", offset - gap, bytes(gap) + data)


def _free_of_reparse_point(inode: Inode, clear: Clear) -> None:
    tag = inode.reparse_tag
    if not tag:
        return
    _refuse_link(inode, tag)
    if tag not in {TAG_WOF, TAG_DEDUPLICATED}:
        msg = f"{_subject(inode)} is an unknown kind of reparse point (tag {tag:#010x})."
        raise TreeError(msg)
    inode.remove_reparse()
    if inode.attribute(records.DATA, WOF_STREAM) is not None:
        clear(inode, WOF_STREAM)
        inode.remove_data(WOF_STREAM)
