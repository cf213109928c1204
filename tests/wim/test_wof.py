from __future__ import annotations

import ctypes
import struct

import pytest
from dissect.util.compression import lzxpress_huffman
from hypothesis import given, settings
from hypothesis import strategies as st

from reseal.wim import WofError, decompress
from reseal.wim.wof import _libwim

XPRESS, LZX = 1, 2
ALGORITHMS = {0: (XPRESS, 4096), 1: (LZX, 32768), 2: (XPRESS, 8192), 3: (XPRESS, 16384)}


def reparse(algorithm: int) -> bytes:
    return struct.pack("<4I", 1, 2, 1, algorithm)


def compress(data: bytes, algorithm: int) -> bytes:
    """What CompactOS would store, made with libwim's compressor."""
    kind, chunk = ALGORITHMS[algorithm]
    library, handle = _libwim(), ctypes.c_void_p()
    assert (
        library.wimlib_create_compressor(kind, ctypes.c_size_t(chunk), 0, ctypes.byref(handle)) == 0
    )
    library.wimlib_compress.restype = ctypes.c_size_t
    parts = []
    for start in range(0, len(data), chunk):
        part = data[start : start + chunk]
        out = ctypes.create_string_buffer(len(part))
        size = library.wimlib_compress(
            part, ctypes.c_size_t(len(part)), out, ctypes.c_size_t(len(part) - 1), handle
        )
        parts.append(out.raw[:size] if size else part)
    library.wimlib_free_compressor(handle)
    ends, total = [], 0
    for part in parts[:-1]:
        total += len(part)
        ends.append(total)
    return struct.pack(f"<{len(ends)}I", *ends) + b"".join(parts)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(data=st.binary(max_size=300).map(lambda part: part * 400))
@settings(max_examples=20, deadline=None)
def test_what_was_compressed_comes_back(algorithm: int, data: bytes) -> None:
    assert decompress(reparse(algorithm), compress(data, algorithm), len(data)) == data


def test_a_chunk_is_what_another_decompressor_reads() -> None:
    data = b"All providers run in the order of the plan. " * 90
    packed = compress(data, 0)
    assert len(packed) < len(data)
    assert lzxpress_huffman.decompress(packed)[: len(data)] == data
    assert decompress(reparse(0), packed, len(data)) == data


def test_a_chunk_that_did_not_get_smaller_is_stored_as_it_is() -> None:
    data = bytes((index * 167 + (index >> 3) * 91) % 256 for index in range(100))
    assert decompress(reparse(0), data, len(data)) == data


@pytest.mark.parametrize(
    ("point", "stream", "size"),
    [
        (b"", b"", 10),
        (struct.pack("<4I", 1, 1, 1, 0), b"", 10),
        (reparse(9), b"", 10),
        (reparse(0), b"", 9000),
        (reparse(0), struct.pack("<2I", 500, 100) + bytes(600), 9000),
        (reparse(0), bytes(50), 4000),
        (reparse(0), b"", 1 << 40),
    ],
)
def test_damaged_data_is_refused(point: bytes, stream: bytes, size: int) -> None:
    with pytest.raises(WofError):
        decompress(point, stream, size)
