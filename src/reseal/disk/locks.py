"""Locks on images: reseal's own, and QEMU's.

reseal locks the file itself with flock(2). Where the file system emulates that with a byte-range lock on
the whole file, as NFS does, it would lock QEMU out, so one byte far behind every image is locked in its
place. On a file system without locks, a file next to the image names the writer.

Sources: flock(2), section "NFS details"; fcntl_locking(2), "Open file description locks"; documented.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import platform
import stat
import struct
import time
from collections.abc import Callable
from pathlib import Path

from reseal.disk import block
from reseal.disk.device import DiskError
from reseal.disk.sidecar import lock_path
from reseal.errors import ImageError, os_errors

# QEMU locks single bytes of an image, one for every permission that it uses and one for every
# permission that it denies to others (block/file-posix.c, documented there).
_QEMU_USES = 100
_QEMU_DENIES = 200
_PERMISSION_WRITE = 1

#: How long the children of a run that was killed may hold its lock after it, in seconds.
DYING = 0.5

_FLOCK = "hhqqi4x"  # struct flock: type, whence, start, length, process
#: The byte that is locked where flock is emulated; no image is as large.
_FAR = 1 << 62
#: What the kernel answers where a file system has no such locks.
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
_MAX_NOTE = 4096
#: The way where nothing else works.
LOCK_FILE = "lock file"


class InUseError(ImageError):
    """Another program has the image open."""


class Lock:
    """reseal's lock on a file or folder. It belongs to the file itself, whatever name led to it.

    It is released when it is closed, or when the process ends in any way.

    Attributes:
        way: how it was taken: `flock`, `byte range` or `lock file`; None while it is not.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._note: _Note | None = None
        self._claim: int | None = None
        self._held = False
        self.way: str | None = None
        self._fd = self._opened()

    def _opened(self, mode: int = os.O_RDONLY) -> int:
        with os_errors(f"{self._path} can't be opened", DiskError):
            return os.open(self._path, mode | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)

    def share(self) -> None:
        """Take or keep the lock as one of several readers."""
        self._take(fcntl.LOCK_SH)

    def exclude(self, patience: float = DYING) -> None:
        """Take the lock alone; a block device is then also claimed from the kernel.

        Args:
            patience: seconds to wait for the children of a run that was killed.
        """
        self._take(fcntl.LOCK_EX, patience)

    def _take(self, kind: int, patience: float = DYING) -> None:
        end = time.monotonic() + patience
        while True:
            try:
                self._try(kind)
                self._require_unused(kind)
            except BlockingIOError as error:
                if time.monotonic() > end:
                    raise InUseError(
                        f"{self._path} is in use by another reseal.",
                        hint="Wait until it has finished.",
                    ) from error
            except InUseError:
                if time.monotonic() > end:
                    raise
            except OSError as error:
                if isinstance(error, DiskError):
                    raise
                raise DiskError(f"{self._path} can't be locked: {error.strerror}.") from error
            else:
                if self._is_current():
                    self._held = True
                    return
                if self._held:  # the caller has read what is gone
                    raise ImageError(
                        f"{self._path} was replaced by another program during the run; nothing was"
                        " written.",
                        hint="Run reseal again when no other program uses the image.",
                    )
                # The other run has replaced the file while this one waited: what is locked is gone.
                os.close(self._fd)
                self._fd, self.way = self._opened(), None
                continue
            time.sleep(0.01)

    def _try(self, kind: int) -> None:
        """Take the lock in the first way that works here; BlockingIOError where it is taken."""
        ways: tuple[tuple[str, Callable[[int], None]], ...] = (
            ("flock", self._flock),
            ("byte range", self._byte_range),
            (LOCK_FILE, self._lock_file),
        )
        for name, take in ways:
            if self.way in {None, name}:
                try:
                    take(kind)
                except OSError as error:
                    if error.errno in _NO_LOCKS | {errno.EBADF} and name != LOCK_FILE:
                        self.way = None
                        continue
                    raise
                self.way = name
                return

    def _require_unused(self, kind: int) -> None:
        """Refuse a block device that this computer uses; claim it where it is to be written.

        Raises:
            InUseError: it is mounted, held, open for writing, or claimed by another program.
        """
        if self._claim is not None or not block.is_block(self._path):
            return
        if who := block.user(self._path):
            raise in_use(self._path, who)
        try:
            claim = block.claim(self._path)
        except BlockingIOError as error:
            raise in_use(self._path, "the system or another program has claimed it") from error
        if kind == fcntl.LOCK_EX:
            self._claim = claim
        else:
            os.close(claim)

    def _flock(self, kind: int) -> None:
        if not self.way and self._is_far_locked():  # by another reseal, which knows why
            raise OSError(errno.EBADF, "flock is emulated")
        fcntl.flock(self._fd, kind | fcntl.LOCK_NB)
        if not self.way and self._is_far_locked():
            fcntl.flock(self._fd, fcntl.LOCK_UN)
            raise OSError(errno.EBADF, "flock is emulated")

    def _is_far_locked(self) -> bool:
        return stat.S_ISREG(os.fstat(self._fd).st_mode) and _locked(self._path, _FAR)

    def _byte_range(self, kind: int) -> None:
        if not stat.S_ISREG(os.fstat(self._fd).st_mode):
            raise OSError(errno.EBADF, "a folder can't be opened for writing")
        if not self.way:
            # A lock of a single writer needs a file that is open for writing.
            with contextlib.suppress(DiskError):
                writable = self._opened(os.O_RDWR)
                os.close(self._fd)
                self._fd = writable
        wanted = fcntl.F_WRLCK if kind == fcntl.LOCK_EX else fcntl.F_RDLCK
        lock = struct.pack(_FLOCK, wanted, os.SEEK_SET, _FAR, 1, 0)
        try:
            fcntl.fcntl(self._fd, fcntl.F_OFD_SETLK, lock)
        except PermissionError as error:  # some systems say EACCES where it is taken
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from error

    def _lock_file(self, kind: int) -> None:
        note = self._note or _Note(lock_path(self._path))
        if kind == fcntl.LOCK_EX:
            if not note.own:
                note.write()
        elif not note.own and note.is_held():
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        self._note = note

    def _is_current(self) -> bool:
        try:
            now = self._path.stat()
        except FileNotFoundError:
            return True  # the next access reports it
        return (now.st_dev, now.st_ino) == self.inode

    @property
    def inode(self) -> tuple[int, int]:
        """The (device, inode) of the locked file."""
        status = os.fstat(self._fd)
        return status.st_dev, status.st_ino

    def detach(self) -> int:
        """Return the descriptor of the locked file, which the caller closes: the lock goes with it."""
        number, self._fd = self._fd, -1
        return number

    def close(self) -> None:
        """Release the lock. Closing twice is allowed."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if self._claim is not None:
            os.close(self._claim)
            self._claim = None
        if self._note:
            self._note.remove()
            self._note = None


class _Note:
    """A file next to the image that names the writing process, for file systems without locks.

    It survives if the process is killed. The file of a dead process of this machine is removed; that of
    another machine must be removed by the user.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.own = False

    def write(self) -> None:
        """Create the file; BlockingIOError if one exists whose process may be alive."""
        try:
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError as error:
            if self.is_held():
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from error
            self._path.unlink(missing_ok=True)
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from error
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            json.dump({"host": platform.node(), "process": os.getpid()}, file)
        self.own = True

    def is_held(self) -> bool:
        """Tell whether a process that may be alive has the lock."""
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        with os.fdopen(fd, "rb") as file:
            try:
                note = json.loads(file.read(_MAX_NOTE))
                host, process = str(note["host"]), int(note["process"])
            except (OSError, ValueError, LookupError, TypeError, RecursionError):
                return True
        return host != platform.node() or Path(f"/proc/{process}").exists()

    def remove(self) -> None:
        """Delete the file if it is this lock's."""
        if self.own:
            self._path.unlink(missing_ok=True)
            self.own = False


def in_use(path: Path, who: str) -> InUseError:
    """Say who on this computer uses a block device.

    Args:
        path: the device.
        who: a clause, such as `it is mounted on /mnt`.
    """
    return InUseError(
        f"{path} is in use: {who}. Nothing was changed.",
        hint="Unmount it, or stop what uses it. If a machine runs from it, take a snapshot and work on that.",
    )


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
        return _is_locked(path, byte)
    except OSError as error:
        if isinstance(error, DiskError):
            raise
        return False  # a file system without such locks, on which QEMU does not lock either


def _is_locked(path: Path, byte: int) -> bool:
    """Whether another open file holds a lock on a byte; OSError if locks are not supported."""
    with os_errors(f"{path} can't be opened", DiskError):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        query = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
        answer = struct.unpack(_FLOCK, fcntl.fcntl(fd, fcntl.F_OFD_GETLK, query))
    finally:
        os.close(fd)
    return bool(answer[0] != fcntl.F_UNLCK)
