"""Decrypt a volume in place: what `manage-bde -off` does, on a device that is written to.

The caller gives a device that can be thrown away, such as an overlay: a volume that is decrypted half
way is neither encrypted nor plain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reseal.bitlocker.volume import OpenVolume
    from reseal.disk.device import Slice

#: What is looked at for parts that were never written.
_STRETCH = 64 << 20


def decrypt(
    volume: OpenVolume,
    device: Slice,
    *,
    sparse: bool,
    report: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Write a volume decrypted over itself.

    The first sectors return to the start, and the places of BitLocker's own become zeros.

    Args:
        volume: the encrypted volume, opened on `device`; it stays usable.
        device: fills the volume; it is written.
        sparse: leave sectors zero that are zeros as they lie there. BitLocker wrote none of them: they
            were free when it began ("used space only") or were trimmed since, so that what a decryption
            makes of them is noise. Without it every sector is decrypted.
        report: gets the bytes done and those to do in all.

    Returns:
        The bytes that were written, without zeros.
    """
    # The start of the volume is kept in memory (BitLocker To Go: 5 MiB), since its place is cleared
    # and it is written last.
    start = volume.read(0, volume.virtual_size)
    total, written = volume.size, 0
    for stretch in range(volume.virtual_size, total, _STRETCH):
        end = min(stretch + _STRETCH, total)
        for place, size in _pieces(volume, device, stretch, end, sparse=sparse):
            for offset, length, coded in volume.parts(place, size):
                if coded is None:
                    device.zero(offset, length)
                elif coded:
                    written += _rewrite(volume, device, offset, length, sparse=sparse)
                report(offset + length, total)
    device.write(0, start)
    device.flush()
    volume.was_decrypted()
    return written + len(start)


def needed(volume: OpenVolume, device: Slice, *, sparse: bool) -> int:
    """Return at most how many bytes `decrypt` writes."""
    if not sparse:
        return min(volume.conversion.encrypted_bytes() + volume.virtual_size, volume.size)
    data = sum(size for _, size in device.data(0, volume.size))
    return min(data + volume.virtual_size, volume.size)


def _pieces(
    volume: OpenVolume, device: Slice, start: int, end: int, *, sparse: bool
) -> Iterator[tuple[int, int]]:
    """Yield what has to be looked at in a range: all of it, or what the image has stored of it."""
    if not sparse:
        yield start, end - start
        return
    unit = volume.header.sector_size
    done = start
    for offset, size in list(device.data(start, end - start)):
        first = max(offset // unit * unit, done)
        done = max(done, min(-(-(offset + size) // unit) * unit, end))
        if done > first:
            yield first, done - first


def _rewrite(volume: OpenVolume, device: Slice, offset: int, size: int, *, sparse: bool) -> int:
    """Decrypt a part in place; return how much of it was written."""
    coded = device.read(offset, size)
    count = size // volume.header.sector_size
    used = np.frombuffer(coded, np.uint8).reshape(count, -1).max(axis=1) > 0
    if sparse and not used.any():
        return 0
    plain = volume.cipher.decrypt(coded, offset)
    if sparse and not used.all():
        rows = np.frombuffer(plain, np.uint8).reshape(count, -1).copy()
        rows[~used] = 0
        plain = rows.tobytes()
    device.write(offset, plain)
    return size
