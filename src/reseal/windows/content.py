"""Read a file's content, decompressing CompactOS files."""

from __future__ import annotations

from reseal.tree import Tree, TreeError
from reseal.wim import WofError, wof

#: Size of tag, length and reserved word before the data of a reparse point (documented).
_REPARSE_HEADER = 8


def read(tree: Tree, path: str) -> bytes:
    """Return a file's whole content.

    Raises:
        TreeError: the file can't be read or decompressed.
    """
    stat = tree.stat(path)
    if stat is None or stat.reparse_tag != wof.REPARSE_TAG:
        return tree.read(path)
    reparse = tree.read_reparse(path) or b""
    packed = tree.read(path, stream=wof.STREAM)
    try:
        return wof.decompress(reparse[_REPARSE_HEADER:], packed, stat.size)
    except WofError as error:
        msg = f"{path} is compressed and can't be read: {error.message}."
        raise TreeError(msg) from error
