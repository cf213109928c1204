"""Copying into a device: plain sparse files, and ranges of another device."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from reseal.disk.device import Device

_CHUNK = 4 << 20


def pour(path: Path, device: Device) -> None:
    """Copy a sparse file to the start of an empty device; its holes are skipped."""
    with path.open("rb") as file:
        descriptor, position = file.fileno(), 0
        while True:
            try:
                position = os.lseek(descriptor, position, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:  # nothing but a hole is left
                    return
                raise
            end = os.lseek(descriptor, position, os.SEEK_HOLE)
            while position < end:
                data = os.pread(descriptor, min(_CHUNK, end - position), position)
                device.write(position, data)
                position += len(data)


def copy_ranges(
    source: Device,
    target: Device,
    ranges: Iterable[tuple[int, int]],
    on_progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Copy ranges (offset, size) of a device to the same places of another.

    Args:
        source: read from.
        target: an empty device, so that zeros need not be written.
        ranges: bytes.
        on_progress: gets the bytes that were read so far.

    Returns:
        Bytes that were read.
    """
    done = 0
    for offset, size in ranges:
        for start in range(offset, offset + size, _CHUNK):
            data = source.read(start, min(_CHUNK, offset + size - start))
            if any(data[:64]) or data.count(0) != len(data):
                target.write(start, data)
            done += len(data)
            on_progress(done)
    return done
