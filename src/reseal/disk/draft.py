"""A file that gets its name when it is complete, so that a killed run leaves nothing behind.

Until then it has no name where the file system supports that. Otherwise, and for the moment between getting a
name and replacing another file, its name follows from that of the target: the process that started a killed
worker, or the next run, finds it by that name and deletes it. A draft in use is locked.

Source: open(2), O_TMPFILE, documented.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reseal.disk.sidecar import draft_path, sync_folder
from reseal.errors import ImageError, UsageError

#: Errors of file systems that do not support unnamed files (O_TMPFILE).
_NO_NAMELESS_FILES = {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL}
#: Errors of file systems that do not support hard links.
_NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


class Draft:
    """A file that is to become or to replace another one in the same folder.

    Attributes:
        number: its descriptor, open for reading and writing.
    """

    def __init__(self, target: Path) -> None:
        """Create it.

        Args:
            target: the path that it will get, without symbolic links in the file name.

        Raises:
            OSError: it can't be created.
            ImageError: another run writes the target.
        """
        self._target = target
        self._name = draft_path(target)
        self._named = False
        if not delete_draft(target):
            raise ImageError(
                f"{target} is being written by another reseal.", "Wait until it has finished."
            )
        try:
            self.number = os.open(target.parent, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno not in _NO_NAMELESS_FILES:
                raise
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self.number, self._named = os.open(self._name, flags, 0o600), True
        with suppress(OSError):  # a file system without locks
            fcntl.flock(self.number, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def publish(self, *, replace: bool) -> None:
        """Give it the name of the target, atomically.

        Args:
            replace: whether it replaces the target; otherwise the target must not exist.

        Raises:
            OSError: it can't be named; the target is unchanged.
            UsageError: the target exists.
        """
        if replace:
            if not self._named:
                self._link(self._name)
                self._named = True
            self._name.replace(self._target)
            self._named = False
        else:
            self._create()
        sync_folder(self._target.parent)

    def _create(self) -> None:
        try:
            self._link(self._target)
        except FileExistsError:
            raise appeared(self._target) from None
        except OSError as error:
            if not self._named or error.errno not in _NO_HARD_LINKS:
                raise
            if os.path.lexists(self._target):
                raise appeared(self._target) from None
            self._name.rename(self._target)
            self._named = False

    def _link(self, name: Path) -> None:
        opened = os.open("/proc/self/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # Python follows the link to the file only with a folder descriptor.
            os.link(str(self.number), name, src_dir_fd=opened, follow_symlinks=True)
        finally:
            os.close(opened)

    def close(self) -> None:
        """Close the file, and delete its temporary name."""
        if self._named:
            with suppress(OSError):
                self._name.unlink(missing_ok=True)
            self._named = False
        os.close(self.number)


def delete_draft(target: Path) -> bool:
    """Delete the draft of a target that a killed process left; return False if one is in use."""
    path = draft_path(target)
    try:
        number = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        path.unlink()  # a symbolic link, which reseal does not make
        return True
    try:
        with suppress(OSError):  # a file system without locks
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        opened, named = os.fstat(number), path.lstat()
        if (opened.st_dev, opened.st_ino) == (named.st_dev, named.st_ino):
            path.unlink()
    except FileNotFoundError:  # the other run has just ended
        pass
    finally:
        os.close(number)
    return True


@contextmanager
def drafts_deleted(target: Path) -> Iterator[None]:
    """Delete what a killed worker leaves of a target during a block."""
    try:
        yield
    finally:
        with suppress(OSError):
            delete_draft(target.resolve())


def appeared(path: Path) -> UsageError:
    """Return the error for a new file that another program created during the run."""
    return UsageError(f"{path} was created by another program during the run.")
