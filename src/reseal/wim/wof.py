"""Decompress files that Windows compressed into a separate stream (WOF, "CompactOS").

The stream `WofCompressedData` starts with a table of the ends of all chunks except the last, 4 bytes each
(8 if the file has 4 GiB or more). The chunks follow. A chunk that compression did not make smaller is
stored uncompressed. The file's reparse point has the algorithm, which determines the chunk size.

Sources: reparse data, documented (Microsoft, wofapi.h: WOF_EXTERNAL_INFO, FILE_PROVIDER_EXTERNAL_INFO);
stream layout: seen in the public ntfs-3g plug-in for system compression and in libwim.
"""

from __future__ import annotations

import ctypes
import struct
from functools import cache
from itertools import pairwise

from reseal.errors import EngineError, ImageError
from reseal.process import load_library

#: IO_REPARSE_TAG_WOF (documented).
REPARSE_TAG = 0x80000017
STREAM = "WofCompressedData"

_FILE_PROVIDER = 2
#: libwim's compression type and the bytes of a chunk, by algorithm number.
_XPRESS, _LZX = 1, 2
_ALGORITHMS = {0: (_XPRESS, 4096), 1: (_LZX, 32768), 2: (_XPRESS, 8192), 3: (_XPRESS, 16384)}
#: Maximum size of a file that reseal reads whole.
_MAX_SIZE = 256 << 20
_SHORT_TABLE = 1 << 32


class WofError(ImageError, ValueError):
    """A compressed file is damaged, or its compression is unknown."""


@cache
def _libwim() -> ctypes.CDLL:
    library = load_library(("libwim.so.15",), "wimtools")
    library.wimlib_create_decompressor.argtypes = (
        ctypes.c_int,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_void_p),
    )
    library.wimlib_decompress.argtypes = (
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
    )
    library.wimlib_free_decompressor.argtypes = (ctypes.c_void_p,)
    library.wimlib_free_decompressor.restype = None
    return library


def decompress(reparse: bytes, stream: bytes, size: int) -> bytes:
    """Return the content of a WOF-compressed file.

    Args:
        reparse: the data of its reparse point, without the header.
        stream: its stream `WofCompressedData`.
        size: bytes of its unnamed stream.

    Raises:
        WofError: the file is damaged, or its compression is unknown.
        EngineError: libwim is missing.
    """
    if len(reparse) < 16:
        msg = "the reparse point is truncated"
        raise WofError(msg)
    _, provider, _, algorithm = struct.unpack_from("<4I", reparse)
    if provider != _FILE_PROVIDER or algorithm not in _ALGORITHMS:
        msg = f"provider {provider} with algorithm {algorithm} is unknown"
        raise WofError(msg)
    if size > _MAX_SIZE:
        msg = f"{size} bytes are too many to read at once"
        raise WofError(msg)
    kind, chunk = _ALGORITHMS[algorithm]
    bounds = _bounds(stream, size, chunk)
    library = _libwim()
    handle = ctypes.c_void_p()
    if library.wimlib_create_decompressor(kind, chunk, ctypes.byref(handle)):
        msg = "libwim can't decompress here."
        raise EngineError(msg, "Reinstall Debian's package wimtools.")
    try:
        parts = []
        for index, (start, end) in enumerate(pairwise(bounds)):
            wanted = min(chunk, size - index * chunk)
            packed = stream[start:end]
            if len(packed) == wanted:
                parts.append(packed)
                continue
            out = ctypes.create_string_buffer(wanted)
            if library.wimlib_decompress(packed, len(packed), out, wanted, handle):
                msg = f"chunk {index} is damaged"
                raise WofError(msg)
            parts.append(out.raw)
        return b"".join(parts)
    finally:
        library.wimlib_free_decompressor(handle)


def _bounds(stream: bytes, size: int, chunk: int) -> list[int]:
    """Return the offset of the first chunk in the stream, and the end of each chunk."""
    count = -(-size // chunk)
    if not count:
        return []
    entry, form = (4, "I") if size < _SHORT_TABLE else (8, "Q")
    table = entry * (count - 1)
    if len(stream) < table:
        msg = "the chunk table is truncated"
        raise WofError(msg)
    listed = struct.unpack_from(f"<{count - 1}{form}", stream)
    bounds = [table, *(table + one for one in listed), len(stream)]
    if any(start > end for start, end in pairwise(bounds)):
        msg = "the chunk table is out of order"
        raise WofError(msg)
    return bounds
