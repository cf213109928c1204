"""The named streams of a file, for tests: reseal itself reads and removes only those that it knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.ntfs import records
from reseal.tree import TreeError

if TYPE_CHECKING:
    from reseal.ntfs import Volume


def named_streams(volume: Volume, path: str) -> dict[str, int]:
    """The names of an entry's named data streams, and their sizes in bytes."""
    with volume._entry(path) as inode:
        return {
            attribute.name: attribute.size
            for attribute in inode.attributes()
            if attribute.type == records.DATA and attribute.name
        }


def remove_stream(volume: Volume, path: str, stream: str) -> None:
    """Remove a named data stream, as rewriting a compressed file does with WOF's."""
    with volume._changed(path) as inode:
        if not stream or inode.attribute(records.DATA, stream) is None:
            msg = f"{path} has no stream {stream}."
            raise TreeError(msg)
        inode.remove_data(stream)
        inode.touch(modified=False)
