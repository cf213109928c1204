"""Decrypt a volume in place, as `manage-bde -off` does.

Pass a device that can be discarded, such as an overlay: a half-decrypted volume is unusable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from reseal.bitlocker.volume import OpenVolume
from reseal.disk.device import Slice

#: The unit in which unwritten parts are looked for.
_STRETCH = 64 << 20


def decrypt(
    volume: OpenVolume,
    device: Slice,
    *,
    sparse: bool,
    report: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Write the decrypted content of a volume over itself.

    The first sectors return to the start, and BitLocker's own ranges become zeros.

    Args:
        volume: the encrypted volume, opened on `device`; it stays usable.
        device: the volume's device, which is written.
        sparse: leave sectors that are zero on the device. BitLocker never wrote them: they were free when
            it began ("used space only") or were trimmed later, so decrypting them gives noise. Without
            it every sector is decrypted.
        report: called with the bytes done and the total.

    Returns:
        The number of bytes written, zeros excluded.
    """
    # The start of the volume is kept in memory (BitLocker To Go: 5 MiB), because its range is cleared
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
    """Return the most bytes that `decrypt` may write.

    Args:
        volume: the unlocked volume.
        device: the part of the disk that holds it.
        sparse: whether only ranges with data count, rather than the whole volume.
    """
    if not sparse:
        return min(volume.conversion.encrypted_bytes() + volume.virtual_size, volume.size)
    data = sum(size for _, size in device.data(0, volume.size))
    return min(data + volume.virtual_size, volume.size)


def _pieces(
    volume: OpenVolume, device: Slice, start: int, end: int, *, sparse: bool
) -> Iterator[tuple[int, int]]:
    """Yield the parts of a range to decrypt: all of it, or only those that the image stores."""
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
    """Decrypt a part in place; return the number of bytes written."""
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
