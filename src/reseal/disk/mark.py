"""The mark inside a qcow2 that a merge into it has begun, which goes wherever the file goes.

It is a header extension of a type that QEMU does not know and therefore keeps (seen with QEMU 7.2: it
survives `commit` and `resize`, and is lost by `convert`). Other programs don't look at it. An
incompatible feature bit would be safer still, but QEMU refuses to commit into an image that has one.

The mark appears and vanishes with the write of 8 bytes inside one sector, so no crash leaves half of
it: its content is written first, behind the end of the extensions, where nothing reads it.

Source: QEMU's docs/interop/qcow2.txt, documented.
"""

from __future__ import annotations

import contextlib
import os
import struct
from pathlib import Path
from typing import NamedTuple

from reseal.disk.formats.header import ContainerFile
from reseal.disk.formats.qcow2 import EXTENSION_MARK, MAGIC, MARK_ID

_BACKING_OFFSET, _BACKING_LENGTH, _CLUSTER_BITS = 8, 16, 20
_VERSION, _HEADER_LENGTH = 4, 100
_END = struct.pack(">II", 0, 0)
#: A type that says nothing, for a mark that is gone and can't be taken out.
_NOTHING = 0x52534C30
#: No more of the journal's path is kept than this, in bytes.
_MAX_PATH = 300


class _Layout(NamedTuple):
    """Where a header's extensions are."""

    end: int
    mark: int | None
    mark_size: int
    cluster: int
    backing: int
    backing_length: int


def _layout(file: ContainerFile) -> _Layout:
    (version,) = file.fields(">I", _VERSION, "header")
    (backing,) = file.fields(">Q", _BACKING_OFFSET, "header")
    (length,) = file.fields(">I", _BACKING_LENGTH, "header")
    (bits,) = file.fields(">I", _CLUSTER_BITS, "header")
    offset = file.fields(">I", _HEADER_LENGTH, "header")[0] if version == 3 else 72
    cluster, mark, size = 1 << bits, None, 0
    while offset + 8 <= cluster:
        kind, extent = file.fields(">II", offset, "header")
        if not kind:
            break
        if kind == EXTENSION_MARK:
            mark, size = offset, extent
        offset += 8 + (extent + 7) // 8 * 8
    return _Layout(offset, mark, size, cluster, backing, length)


def put(path: Path, ident: str, journal: Path) -> bool:
    """Mark an image, on stable storage.

    Args:
        path: the image; nothing is done where it is not a qcow2.
        ident: of the journal.
        journal: its path, for messages.

    Returns:
        Whether it carries the mark; False where its header has no room for one.
    """
    with ContainerFile(path) as file:
        if not file.starts_with(MAGIC):
            return False
        layout = _layout(file)
        if layout.mark is not None:  # of a merge that is done again
            return True
        said = MARK_ID + ident.encode() + os.fsencode(journal)[-_MAX_PATH:]
        end = layout.end + 8 + (len(said) + 7) // 8 * 8 + 8
        name = b""
        if layout.backing:
            name = file.read(layout.backing, layout.backing_length, "backing file name")
        free = max(end, layout.backing + layout.backing_length if layout.backing else 0)
    if free + len(name) > layout.cluster:
        return False
    with path.open("r+b", buffering=0) as image:
        number = image.fileno()
        if name and layout.backing < end:
            # The name of the backing file lies where the mark is to lie.
            _write(number, name, free)
            os.fsync(number)
            _write(number, struct.pack(">Q", free), _BACKING_OFFSET)
            os.fsync(number)
        body = said.ljust(end - layout.end - 16, b"\0") + _END
        behind = os.pread(number, len(body), layout.end + 8)
        try:
            _write(number, body, layout.end + 8)
            os.fsync(number)
            _write(number, struct.pack(">II", EXTENSION_MARK, len(said)), layout.end)
        except OSError:
            # Without its head nothing finds it later, to take it away.
            with contextlib.suppress(OSError):
                _write(number, _END, layout.end)
                _write(number, behind, layout.end + 8)
            raise
        os.fsync(number)
    return True


def _write(number: int, data: bytes, offset: int) -> None:
    """Write all of `data`; a system may write a part at a time."""
    done = 0
    while done < len(data):
        done += os.pwrite(number, data[done:], offset + done)


def take_away(path: Path) -> None:
    """Take the mark out of an image, on stable storage. Without one this does nothing."""
    with ContainerFile(path) as file:
        if not file.starts_with(MAGIC):
            return
        layout = _layout(file)
    if layout.mark is None:
        return
    size = 8 + (layout.mark_size + 7) // 8 * 8
    last = layout.mark + size == layout.end
    with path.open("r+b", buffering=0) as image:
        number = image.fileno()
        # The length stays where other extensions follow, so that they are found.
        kind = _END if last else struct.pack(">II", _NOTHING, layout.mark_size)
        _write(number, kind, layout.mark)
        os.fsync(number)
        _write(number, bytes(size - 8), layout.mark + 8)
        os.fsync(number)
