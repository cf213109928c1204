"""Who else has an image open: reseal's own lock, and QEMU's."""

from __future__ import annotations

import fcntl
import os
import struct
import time
from typing import TYPE_CHECKING

from reseal.disk.device import DiskError
from reseal.errors import ImageError

if TYPE_CHECKING:
    from pathlib import Path

# QEMU locks single bytes of an image, one for every permission that it uses and one for every
# permission that it denies to others (block/file-posix.c, documented there).
_QEMU_USES = 100
_QEMU_DENIES = 200
_PERMISSION_WRITE = 1

#: How long the children of a run that was killed may hold its lock after it, in seconds.
_DYING = 0.5

_FLOCK = "hhqqi4x"  # struct flock: type, whence, start, length, process


class InUseError(ImageError):
    """Somebody else has the image open."""


class Lock:
    """reseal's lock on an image. It belongs to the file itself, whatever name led to it.

    It is released when it is closed, or when the process ends in any way.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise DiskError(f"{path} can't be opened: {error.strerror}.") from error

    def share(self) -> None:
        """Take or keep the lock as one of several readers."""
        self._take(fcntl.LOCK_SH)

    def exclude(self) -> None:
        """Take the lock alone."""
        self._take(fcntl.LOCK_EX)

    def _take(self, kind: int) -> None:
        patience = time.monotonic() + _DYING
        while True:
            try:
                return fcntl.flock(self._fd, kind | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > patience:
                    raise InUseError(
                        f"{self._path} is in use by another reseal.",
                        hint="Wait until that one has ended.",
                    ) from error
            except OSError as error:
                raise DiskError(f"{self._path} can't be locked: {error.strerror}.") from error
            time.sleep(0.01)

    @property
    def inode(self) -> tuple[int, int]:
        """The (device, inode) of the locked file."""
        status = os.fstat(self._fd)
        return status.st_dev, status.st_ino

    def close(self) -> None:
        """Release the lock. Closing twice is allowed."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def in_use_by_qemu(path: Path | str) -> InUseError:
    """Say that a process of QEMU's has the image open."""
    return InUseError(
        f"{path} is in use by a running machine or another program of QEMU's.",
        hint="Shut down the machine that uses it, or those that are based on it.",
    )


def written_by_qemu(path: Path) -> bool:
    """Tell whether a QEMU process, such as a running machine, has the image open for writing."""
    return _locked(path, _QEMU_USES + _PERMISSION_WRITE)


def kept_by_qemu(path: Path) -> bool:
    """Tell whether a QEMU process has the image open in a way that forbids others to write."""
    return _locked(path, _QEMU_DENIES + _PERMISSION_WRITE)


def _locked(path: Path, byte: int) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise DiskError(f"{path} can't be opened: {error.strerror}.") from error
    try:
        query = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
        answer = struct.unpack(_FLOCK, fcntl.fcntl(fd, fcntl.F_OFD_GETLK, query))
    except OSError:  # a file system without such locks, on which QEMU does not lock either
        return False
    finally:
        os.close(fd)
    return bool(answer[0] != fcntl.F_UNLCK)
