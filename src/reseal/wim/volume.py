"""libwim on an NTFS volume inside a device.

libwim opens an NTFS volume by a path, through libntfs-3g's own operations for files and block
devices. These are a structure that libntfs-3g exports; for as long as the volume is in use, it holds
reseal's callbacks, so that libwim reads and writes whatever device reseal has.
"""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reseal.ntfs import library as ntfs_library
from reseal.ntfs.cache import BlockCache
from reseal.ntfs.callbacks import Callbacks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.disk.device import Device

#: Under this name libwim opens the volume. It is never looked up; it stands in libwim's messages.
NAME = b"the volume"

#: The smallest step in which the library reads a file's content; it bounds how many reads one file takes.
_SMALLEST_READ = 4096


class Volume:
    """A device whose volume libwim works on.

    Attributes:
        callbacks: what libntfs-3g calls.
    """

    def __init__(self, device: Device, *, read_only: bool) -> None:
        self.cache = BlockCache(device)
        self.callbacks = Callbacks(self.cache, read_only=read_only)
        self._reads = device.size // _SMALLEST_READ

    def renew(self) -> None:
        """Grant the library its reads for one more file, unless a callback failed."""
        if self.callbacks.failure is None:
            self.callbacks.begin(self._reads)

    def raise_failure(self) -> None:
        """Raise what a callback met."""
        failure, self.callbacks.failure = self.callbacks.failure, None
        if failure is not None:
            raise failure


@contextmanager
def volume(device: Device, *, read_only: bool) -> Iterator[Volume]:
    """Let libwim open `NAME` as the NTFS volume that fills a device; for one thread of a process.

    What was written reaches the device when the context ends well.

    Args:
        device: stays the caller's to close.
        read_only: whether nothing may be written.
    """
    calls = ntfs_library.load().calls
    exported = ntfs_library.DeviceOperations.in_dll(calls, "ntfs_device_unix_io_ops")
    size = ctypes.sizeof(exported)
    original = ctypes.string_at(ctypes.addressof(exported), size)
    opened = Volume(device, read_only=read_only)
    opened.renew()
    ctypes.memmove(ctypes.addressof(exported), ctypes.addressof(opened.callbacks.operations), size)
    try:
        yield opened
        opened.raise_failure()
        if not read_only:
            opened.cache.flush()
    finally:
        ctypes.memmove(ctypes.addressof(exported), original, size)
