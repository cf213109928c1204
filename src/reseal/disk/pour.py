"""Copying into a device: plain sparse files, and ranges of another device."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from tempfile import TemporaryFile

from reseal.disk.device import Device, DiskError
from reseal.errors import os_errors

_CHUNK = 4 << 20


@contextmanager
def nameless(size: int) -> Iterator[int]:
    """Make a sparse file that is gone when the process is, and yield its descriptor.

    Raises:
        DiskError: the file system has no space for it.
    """
    subject = f"a temporary file of {size >> 20} MiB can't be used"
    hint = "Free some space, or name another folder in TMPDIR."
    with os_errors(subject, DiskError, hint), TemporaryFile(prefix="reseal-") as file:
        file.truncate(size)
        yield file.fileno()


def named(descriptor: int) -> str:
    """Return the path by which a program that inherits a descriptor opens its file."""
    return f"/proc/self/fd/{descriptor}"


def pour(descriptor: int, device: Device) -> None:
    """Copy a sparse file to the start of an empty device; its holes are skipped."""
    position = 0
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
        source: read from, in a thread of its own.
        target: an empty device, so that zeros need not be written.
        ranges: bytes.
        on_progress: gets the bytes that were read so far.

    Returns:
        Bytes that were read.
    """
    done = 0
    chunks = (
        (start, min(_CHUNK, offset + size - start))
        for offset, size in ranges
        for start in range(offset, offset + size, _CHUNK)
    )
    # The next chunk is read while one is written: the two devices are two processes.
    with ThreadPoolExecutor(1) as reader:

        def ahead() -> tuple[int, Future[bytes]] | None:
            chunk = next(chunks, None)
            return (chunk[0], reader.submit(source.read, *chunk)) if chunk else None

        following = ahead()
        while following:
            (start, read), following = following, ahead()
            data = read.result()
            if any(data[:64]) or data.count(0) != len(data):
                target.write(start, data)
            done += len(data)
            on_progress(done)
    return done
