"""Decrypt many sectors of BitLocker at once.

pycryptodomex does the AES. numpy does the work around it for all sectors of a range: the chaining of
CBC, the tweaks of XTS, the diffuser.

Sources: IEEE Std 1619 (XTS), documented; Ferguson, "AES-CBC + Elephant diffuser" (2006), documented;
sector number or byte offset as input: documented by libbde, seen in volumes of Windows 7 to 11.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Protocol, TypeAlias

import Cryptodome
import numpy as np
from Cryptodome.Cipher import AES
from numpy.typing import NDArray

from reseal.bitlocker.errors import MetadataError
from reseal.bitlocker.metadata import METHODS
from reseal.errors import EngineError

Words: TypeAlias = NDArray[np.uint32]
Halves: TypeAlias = NDArray[np.uint64]


_BLOCK = 16
#: SHA-256 of zeros decrypted with every method, each checked against cryptography or libbde.
_KNOWN = "6790a138574ddb324650eb1d48bb4724b6584e630f941102f774094468fdc9cf"
#: XTS tweaks that are computed at once.
_STEP = 8
#: The reduction of a byte that is shifted out: its bits times x^128 = x^7 + x^2 + x + 1.
_REDUCED = np.zeros(256, "<u8")
for _bit in range(8):
    _REDUCED ^= np.where(np.arange(256) >> _bit & 1, 0x87 << _bit, 0).astype("<u8")


class Cipher(Protocol):
    """Decrypts whole sectors."""

    def decrypt(self, data: bytes, offset: int) -> bytes:
        """Decrypt the sectors that begin at a byte offset of the volume."""
        ...


class Xts:
    """AES-XTS (Windows 10 1511 and later): the tweak is the number of the sector."""

    def __init__(self, key: bytes, sector_size: int) -> None:
        half = len(key) // 2
        self._data = AES.new(key[:half], AES.MODE_ECB)
        self._tweak = AES.new(key[half:], AES.MODE_ECB)
        self._sector_size = sector_size

    def decrypt(self, data: bytes, offset: int) -> bytes:
        """Decrypt the sectors that begin at a byte offset of the volume."""
        tweaks = self._tweaks(offset // self._sector_size, len(data) // self._sector_size)
        mixed = np.frombuffer(data, np.uint64) ^ tweaks
        plain = np.frombuffer(self._data.decrypt(mixed.tobytes()), np.uint64) ^ tweaks
        return plain.tobytes()

    def _tweaks(self, first: int, count: int) -> Halves:
        numbers = np.zeros((count, 2), "<u8")
        numbers[:, 0] = np.arange(first, first + count, dtype=np.uint64)
        start = np.frombuffer(self._tweak.encrypt(numbers.tobytes()), "<u8").reshape(count, 2)
        # One row per block of a sector: the first eight by doubling, then eight at a time.
        blocks = self._sector_size // _BLOCK
        low, high = np.empty((2, blocks, count), "<u8")
        low[0], high[0] = start[:, 0], start[:, 1]
        for block in range(1, _STEP):
            low[block], high[block] = _times(low[block - 1], high[block - 1], 1)
        for block in range(_STEP, blocks, _STEP):
            before = slice(block - _STEP, block)
            after = slice(block, block + _STEP)
            low[after], high[after] = _times(low[before], high[before], _STEP)
        return np.stack((low.T, high.T), axis=2).reshape(-1)


def _times(low: Halves, high: Halves, power: int) -> tuple[Halves, Halves]:
    """Multiply by x^power in the field of XTS; at most by x^8."""
    up, down = np.uint64(power), np.uint64(64 - power)
    return (low << up) ^ _REDUCED[high >> down], (high << up) | (low >> down)


class Cbc:
    """AES-CBC (Windows 7 and later): the initialization vector is the byte offset, encrypted."""

    def __init__(self, key: bytes, sector_size: int) -> None:
        self._cipher = AES.new(key, AES.MODE_ECB)
        self._sector_size = sector_size

    def decrypt(self, data: bytes, offset: int) -> bytes:
        """Decrypt the sectors that begin at a byte offset of the volume."""
        count, halves = len(data) // self._sector_size, self._sector_size // 8
        coded = np.frombuffer(data, np.uint64).reshape(count, halves)
        plain = np.frombuffer(self._cipher.decrypt(data), np.uint64).reshape(count, halves).copy()
        offsets = _offsets(offset, count, self._sector_size)
        vectors = np.frombuffer(self._cipher.encrypt(offsets.tobytes()), np.uint64)
        plain[:, :2] ^= vectors.reshape(count, 2)
        plain[:, 2:] ^= coded[:, :-2]
        return plain.tobytes()


class Elephant:
    """AES-CBC with the Elephant diffuser (Windows Vista and 7)."""

    def __init__(self, key: bytes, tweak_key: bytes, sector_size: int) -> None:
        self._cbc = Cbc(key, sector_size)
        self._tweak = AES.new(tweak_key, AES.MODE_ECB)
        self._sector_size = sector_size

    def decrypt(self, data: bytes, offset: int) -> bytes:
        """Decrypt the sectors that begin at a byte offset of the volume."""
        count, words = len(data) // self._sector_size, self._sector_size // 4
        sectors = np.frombuffer(self._cbc.decrypt(data, offset), "<u4").reshape(count, words)
        # One row per word of a sector: each step of the diffuser processes a word of all sectors.
        mixed = np.array(sectors.T, order="C")
        _undo(mixed, cycles=3, rotations=(0, 10, 0, 25), places=lambda at: (at + 2, at + 5))
        _undo(mixed, cycles=5, rotations=(9, 0, 13, 0), places=lambda at: (at - 2, at - 5))
        mixed = np.array(mixed.T, order="C")
        mixed ^= np.tile(self._sector_keys(offset, count), (1, words // 8))
        return mixed.tobytes()

    def _sector_keys(self, offset: int, count: int) -> Words:
        """Return the 32-byte key of each sector."""
        first = _offsets(offset, count, self._sector_size)
        second = first.copy()
        second[:, 1] |= np.uint64(0x80 << 56)  # its last byte
        both = np.stack((first, second), axis=1)
        return np.frombuffer(self._tweak.encrypt(both.tobytes()), "<u4").reshape(count, 8)


def _offsets(first: int, count: int, sector_size: int) -> Halves:
    """Return the byte offset of each sector as a block of AES."""
    offsets = np.zeros((count, 2), "<u8")
    offsets[:, 0] = np.arange(count, dtype=np.uint64) * np.uint64(sector_size) + np.uint64(first)
    return offsets


def _undo(
    rows: Words,
    *,
    cycles: int,
    rotations: tuple[int, ...],
    places: Callable[[int], tuple[int, int]],
) -> None:
    """Undo one of the two diffusers, in place."""
    count = len(rows)
    words, scratch, turned = list(rows), np.empty_like(rows[0]), np.empty_like(rows[0])
    for at in [*range(count)] * cycles:
        first, second = places(at)
        taken, rotation = words[second % count], rotations[at % 4]
        if rotation:
            np.left_shift(taken, np.uint32(rotation), out=turned)
            np.right_shift(taken, np.uint32(32 - rotation), out=scratch)
            taken = np.bitwise_or(turned, scratch, out=turned)
        np.bitwise_xor(words[first % count], taken, out=scratch)
        np.add(words[at], scratch, out=words[at])


def cipher(method: int, key: bytes, sector_size: int) -> Cipher:
    """Return the cipher of a method.

    Args:
        method: number of the encryption method, as in the metadata.
        key: the key of the volume; its size depends on the method.
        sector_size: bytes of a sector.

    Raises:
        MetadataError: the method is unknown, or the key has another size.
    """
    if method not in METHODS or len(key) != METHODS[method][1]:
        raise MetadataError(
            f"BitLocker's metadata names an unknown encryption method ({method:#x})."
        )
    if method in {0x8004, 0x8005}:
        return Xts(key, sector_size)
    if method in {0x8002, 0x8003}:
        return Cbc(key, sector_size)
    # Both keys have 32 bytes of space, of which 128-bit takes the first 16.
    size = 16 if method == 0x8000 else 32
    return Elephant(key[:size], key[32 : 32 + size], sector_size)


def tested() -> str:
    """Check the decryption with known results; return the name of the implementation.

    Raises:
        EngineError: the result is wrong.
    """
    digest = hashlib.sha256()
    for method, (_, size) in METHODS.items():
        digest.update(cipher(method, bytes(range(size)), 512).decrypt(bytes(1024), 4096))
    if digest.hexdigest() != _KNOWN:
        msg = "The AES of pycryptodomex gives wrong results."
        raise EngineError(
            msg, "Install pycryptodomex again: pip install --force-reinstall pycryptodomex"
        )
    return f"AES of pycryptodomex {Cryptodome.__version__}, tested"
