"""Marvin32, the hash of log entries (published by Microsoft, US patent 8,555,082)."""

from __future__ import annotations

import struct

_MASK = 0xFFFFFFFF
#: A 32-bit word times this number is the word twice in 64 bits, so that a shift rotates it.
_TWICE = 0x100000001
#: The seed in registry logs (seen in all logs): low and high word.
_SEED_LOW, _SEED_HIGH = 0x7A4E55C5, 0x82EF4D88


def marvin32(data: bytes | bytearray | memoryview) -> int:
    """Return the 64-bit hash of `data`, the low word in the low bits."""
    low, high = _SEED_LOW, _SEED_HIGH
    whole = len(data) & ~3
    tail = bytes(data[whole:]) + b"\x80"
    words = list(memoryview(data)[:whole].cast("I")) if _LITTLE else _words(data, whole)
    words.append(int.from_bytes(tail.ljust(4, b"\0"), "little"))
    words.append(0)
    for word in words:
        low = low + word & _MASK
        high ^= low
        low = (low * _TWICE >> 12) + high & _MASK
        high = (high * _TWICE >> 23 ^ low) & _MASK
        low = (low * _TWICE >> 5) + high & _MASK
        high = high * _TWICE >> 13 & _MASK
    return high << 32 | low


def _words(data: bytes | bytearray | memoryview, size: int) -> list[int]:
    return list(struct.unpack(f"<{size // 4}I", data[:size]))


_LITTLE = struct.pack("=I", 1) == b"\1\0\0\0"
