"""A folder as a tree of files."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from reseal.disk.locks import InUseError, Lock
from reseal.errors import ImageError, os_errors
from reseal.folder import descent
from reseal.folder.descent import names_in, opened_folder, upper
from reseal.folder.journal import Journal, clear_place, commit, finish
from reseal.folder.mark import DELETED, adopt, check_absent, is_active, journal_of
from reseal.folder.reader import FolderReader, Names
from reseal.tree import (
    ARCHIVE,
    HIDDEN,
    READONLY,
    SYSTEM,
    TreeError,
)

_SETTABLE = READONLY | HIDDEN | SYSTEM | ARCHIVE

#: Characters that Windows does not allow in names (documented, "Naming Files, Paths, and Namespaces").
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]|[. ]$')


class Folder(FolderReader):
    """A folder that holds a Windows tree; implements `reseal.tree.Tree`.

    Before the first change of a file or folder, its old state is saved in a journal next to the
    folder, so that all changes can be undone even if the process is killed. `commit` keeps them;
    `close` without it undoes them.

    Only regular files, folders and symbolic links are visible. Attributes and security descriptors
    exist if the file system has them (a volume mounted with ntfs-3g or ntfs3); otherwise descriptors
    are dropped, and attributes can't be set. Named streams are not visible.

    Attributes:
        path: the folder.
        name: its name in messages.
        read_only: whether changes are refused.
        created: files and folders created so far.
        deleted: files and folders deleted so far.
    """

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool,
        journal: Path | None = None,
        locked: bool = False,
    ) -> None:
        """Open and lock a folder.

        Args:
            path: the folder.
            read_only: refuse changes.
            journal: the folder of the journal; None for the default next to the folder.
            locked: whether the parent process holds the lock on the folder.

        Raises:
            InterruptedRunError: an earlier run was interrupted; `Folder.recover` undoes it.
            TreeError: it is not a folder, can't be opened, or another run of reseal uses it.
        """
        self.path = path.resolve()
        self.read_only = read_only
        self.created = 0
        self.deleted = 0
        journal = journal or journal_of(self.path)
        self._lock = None if locked else lock(self.path, shared=read_only)
        root = self._lock.detach() if self._lock else _opened(self.path)
        try:
            check_absent(journal, path, root)
        except BaseException:
            os.close(root)
            self._unlock()
            raise
        super().__init__(root, str(path))
        self._journal = Journal(journal, root)

    @classmethod
    def recover(cls, path: Path, *, journal: Path | None = None, locked: bool = False) -> bool:
        """Finish an interrupted run: undo it, or complete it if it was committed.

        Args:
            path: the folder.
            journal: the folder of its journal; None for the default next to the folder.
            locked: whether this process already holds the lock on the folder.

        Returns:
            Whether the changes were kept. False if they were undone, or no journal exists.

        Raises:
            ImageError: the journal is damaged or a file can't be restored; the journal stays.
        """
        folder = path.resolve()
        journal = journal or journal_of(folder)
        if not is_active(journal) and not os.path.lexists(folder / DELETED):
            clear_place(journal)
            return False
        own = None if locked else lock(folder, shared=False)
        try:
            root = _opened(folder)
            try:
                if not is_active(journal):
                    adopt(journal, folder, root)
                return finish(journal, root)
            finally:
                os.close(root)
        finally:
            if own:
                own.close()

    @classmethod
    def keep(cls, path: Path) -> None:
        """Commit what another process has handed over. This process holds the lock on the folder.

        Raises:
            OSError: nothing is committed; `Folder.recover` undoes the changes.
            UncleanFolderError: the changes are kept, but the journal can't be removed.
        """
        folder = path.resolve()
        journal = journal_of(folder)
        if is_active(journal):
            root = _opened(folder)
            try:
                commit(journal, root)
            finally:
                os.close(root)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Writing

    def _require_writable(self) -> None:
        if self.read_only:
            msg = f"{self.name} is open read-only."
            raise TreeError(msg)

    @contextmanager
    def _changed(self, path: str) -> Iterator[int]:
        """Save a file before its first change, and open it for writing."""
        with self._file(path) as (folder, reading, names):
            self._journal.save_file(reading, names)
            opened = descent.open_for_writing(folder, names[-1])
            try:
                yield opened
            finally:
                os.close(opened)

    def write(self, path: str, data: bytes, *, stream: str = "") -> None:
        """Replace the content of an existing file; the file itself and its metadata stay.

        See `Tree.write`.
        """
        self._require_writable()
        self._refuse_stream(path, stream)
        with self._changed(path) as opened:
            descent.write_all(opened, data, 0)
            os.ftruncate(opened, len(data))

    def patch(self, path: str, offset: int, data: bytes) -> None:
        """Write `data` at `offset` of an existing file, growing it if needed.

        See `Tree.patch`.
        """
        self._require_writable()
        with self._changed(path) as opened:
            descent.write_all(opened, data, offset)

    def create(self, path: str, data: bytes = b"", *, descriptor: bytes | None = None) -> None:
        """Create a file.

        Args:
            path: the new file, in an existing folder.
            data: its content.
            descriptor: a self-relative security descriptor; with None, or on file systems without
                descriptors, the file gets the default of the file system.
        """
        with self._new(path, is_folder=False) as (folder, name):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            opened = os.open(name, flags, 0o644, dir_fd=folder)
            try:
                self._journal.forget(opened)
                descent.write_all(opened, data, 0)
            finally:
                os.close(opened)
            if descriptor is not None and self._has_attributes:
                descent.set_descriptor(folder, name, descriptor)

    def make_directory(self, path: str, *, descriptor: bytes | None = None) -> None:
        """Create one folder. `descriptor` as in `create`."""
        with self._new(path, is_folder=True) as (folder, name):
            os.mkdir(name, 0o755, dir_fd=folder)
            if descriptor is not None and self._has_attributes:
                descent.set_descriptor(folder, name, descriptor)

    @contextmanager
    def _new(self, path: str, *, is_folder: bool) -> Iterator[tuple[int, str]]:
        """Record that an entry is about to be created, and open its folder."""
        self._require_writable()
        parents, name = self._place(path)
        with self._errors(path), opened_folder(self._root, parents) as folder:
            self._journal.record(
                *self._journal.folder_lines(folder, parents),
                {"op": "created", "names": [*parents, name], "folder": is_folder},
            )
            self._names.clear()
            yield folder, name
        self.created += 1

    def _place(self, path: str) -> tuple[Names, str]:
        """Return the folder and the name of a path that must not exist yet."""
        above, _, name = path.rpartition("\\")
        parents = self._existing(above)
        with self._errors(path):
            if self._resolve(path) is not None:
                msg = f"{path} in {self.name} exists already."
                raise TreeError(msg)
        if not name or len(name) > 255 or _FORBIDDEN.search(name) or upper(name) == upper(DELETED):
            msg = f"{path} in {self.name} can't be created: Windows does not allow this name."
            raise TreeError(msg)
        return parents, name

    def delete(self, path: str) -> None:
        """Delete a file, an empty folder or a link, read-only or not."""
        self._require_writable()
        names = self._existing(path)
        if not names:
            msg = f"The root of {self.name} can't be deleted."
            raise TreeError(msg)
        with self._errors(path):
            with opened_folder(self._root, names[:-1]) as folder:
                if self._is_folder(folder, names[-1]):
                    with opened_folder(folder, names[-1:]) as below:
                        if names_in(below):
                            raise OSError(errno.ENOTEMPTY, "it is not empty")
            self._journal.start()
            self._move(names, [DELETED, str(self._journal.number())])
        self.deleted += 1

    def rename(self, path: str, new_path: str) -> None:
        """Move an entry inside the folder; TreeError if `new_path` exists.

        A new path that differs in case only is allowed.
        """
        self._require_writable()
        names = self._existing(path)
        with self._errors(path):
            if not names:
                raise OSError(errno.EINVAL, "the root can't be moved")
            if self._resolve(new_path) == names and path != new_path:
                parents, name = names[:-1], new_path.rpartition("\\")[2]
            else:
                parents, name = self._place(new_path)
            if parents[: len(names)] == names:
                raise OSError(errno.EINVAL, "it can't be moved into itself")
            self._move(names, [*parents, name])

    def _move(self, names: Names, new_names: Names) -> None:
        with (
            opened_folder(self._root, names[:-1]) as source,
            opened_folder(self._root, new_names[:-1]) as target,
        ):
            self._journal.record(
                *self._journal.folder_lines(source, names[:-1]),
                *self._journal.folder_lines(target, new_names[:-1]),
                {"op": "moved", "names": names, "to": new_names},
            )
            os.rename(names[-1], new_names[-1], src_dir_fd=source, dst_dir_fd=target)
            self._names.clear()

    def set_attributes(self, path: str, attributes: int) -> None:
        """Set the READONLY, HIDDEN, SYSTEM and ARCHIVE bits, if the file system has them."""
        self._require_writable()
        names = self._existing(path)
        if not self._has_attributes:
            return
        with self._errors(path), opened_folder(self._root, names[:-1]) as folder:
            name = names[-1] if names else "."
            before = descent.attributes(folder, name)
            if before is None:
                raise OSError(errno.EIO, "its attributes can't be read")
            self._journal.record({"op": "attributes", "names": names, "attributes": before})
            descent.set_attributes(folder, name, before & ~_SETTABLE | attributes & _SETTABLE)

    def descriptor(self, path: str) -> None:
        """Return None: the file system of the folder controls permissions."""

    def set_descriptor(self, path: str, descriptor: bytes) -> None:
        """Refuse: the file system of the folder controls permissions."""
        del descriptor
        msg = f"{path} in {self.name} can't get other permissions: a folder can't store Windows permissions."
        raise TreeError(msg, "Work on a disk image.")

    # The end

    def commit(self) -> None:
        """Keep all changes. No further change is allowed."""
        with self._errors(""):
            self._journal.commit()
        self.read_only = True

    def hand_over(self) -> None:
        """Keep all changes for `Folder.keep` in another process. No further change is allowed."""
        self._journal.close()
        self.read_only = True

    def rollback(self) -> None:
        """Undo all changes. No further change is allowed."""
        if self._journal.started:
            self._journal.close()
            finish(self._journal.path, self._root)
            self._names.clear()
        self.read_only = True

    def close(self) -> None:
        """Release the folder and undo uncommitted changes. Closing twice is allowed."""
        if self._root >= 0:
            try:
                self.rollback()
            finally:
                os.close(self._root)
                self._root = -1
                self._unlock()

    def _unlock(self) -> None:
        if self._lock:
            self._lock.close()


def lock(path: Path, *, shared: bool) -> Lock:
    """Lock a folder until the lock is closed.

    Raises:
        TreeError: it is not a folder, can't be opened, or another run of reseal uses it.
    """
    os.close(_opened(path))
    own = None
    try:
        own = Lock(path)
        if shared:
            own.share()
        else:
            own.exclude()
    except ImageError as error:
        if own:
            own.close()
        if isinstance(error, InUseError):
            msg = f"{path} is in use by another run of reseal."
            raise TreeError(msg, hint="Wait until it has ended.") from error
        raise TreeError(error.message, error.hint) from error
    return own


def _opened(path: Path) -> int:
    with os_errors(f"{path} can't be opened", TreeError):
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
