"""Finding and reading files in a folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

from reseal.folder import descent
from reseal.folder.descent import names_in, opened_folder, upper
from reseal.folder.mark import DELETED
from reseal.sandbox import heartbeat
from reseal.tree import ARCHIVE, DIRECTORY, REPARSE_POINT, EscapeError, Stat, TreeError

#: The parts of a path in their exact spelling.
Names: TypeAlias = "list[str]"

#: Symbolic links appear as IO_REPARSE_TAG_SYMLINK (documented).
TAG_SYMLINK = 0xA000000C

#: The most bytes that one read returns.
MAX_READ = 2 << 30

#: 1970-01-01 as a Windows time: 100 ns units since 1601-01-01.
_EPOCH = 116_444_736_000_000_000


class FolderReader:
    """The read-only half of `reseal.tree.Tree`.

    Attributes:
        name: the folder's name in messages.
    """

    def __init__(self, root: int, name: str) -> None:
        self.name = name
        self._root = root
        self._names: dict[tuple[int, int], dict[str, Names]] = {}
        self._has_attributes = descent.attributes(root, ".") is not None

    # Finding

    @contextmanager
    def _errors(self, path: str) -> Iterator[None]:
        """Turn an OSError into an error that names path and folder."""
        try:
            yield
        except TreeError:
            raise
        except OSError as error:
            msg = f"{path or 'The root'} in {self.name}: {error.strerror or error}."
            raise TreeError(msg) from error

    def _spelled(self, folder: int, name: str, path: str) -> str | None:
        """Return the exact spelling of a name in an open folder; None if absent."""
        found = os.fstat(folder)
        names = self._names.get((found.st_dev, found.st_ino))
        if names is None:
            names = {}
            for entry in names_in(folder):
                names.setdefault(upper(entry), []).append(entry)
            self._names[found.st_dev, found.st_ino] = names
        candidates = names.get(upper(name), [])
        if len(candidates) > 1:
            msg = (
                f"{path} in {self.name} is ambiguous: "
                f"{' and '.join(sorted(candidates))} differ in case only."
            )
            raise TreeError(msg)
        return candidates[0] if candidates else None

    def _resolve(self, path: str) -> Names | None:
        """Return the parts of a path in their exact spelling; None if it does not exist."""
        heartbeat()
        found: Names = []
        for part in [part for part in path.split("\\") if part]:
            if part in {".", ".."} or (not found and upper(part) == upper(DELETED)):
                return None
            try:
                with opened_folder(self._root, found) as folder:
                    name = self._spelled(folder, part, path)
            except (NotADirectoryError, FileNotFoundError):
                return None
            if name is None:
                return None
            found.append(name)
        return found

    def _existing(self, path: str) -> Names:
        if self._root < 0:
            msg = f"{self.name} is closed."
            raise TreeError(msg)
        with self._errors(path):
            names = self._resolve(path)
        if names is None:
            msg = f"{path} in {self.name} does not exist."
            raise TreeError(msg)
        return names

    @contextmanager
    def _file(self, path: str) -> Iterator[tuple[int, int, Names]]:
        """Open a regular file for reading; yields its folder, itself and its parts."""
        names = self._existing(path)
        with self._errors(path), opened_folder(self._root, names[:-1]) as folder:
            if not names or self._is_folder(folder, names[-1]):
                msg = f"{path or 'The root'} in {self.name} is a folder, so it has no content."
                raise TreeError(msg)
            if descent.is_link(folder, names[-1]):
                msg = f"{path} in {self.name} is a link, and may lead out of it."
                raise EscapeError(msg)
            opened = descent.open_file(folder, names[-1], os.O_RDONLY)
            try:
                yield folder, opened, names
            finally:
                os.close(opened)

    @staticmethod
    def _is_folder(folder: int, name: str) -> bool:
        return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)

    # Reading

    def stat(self, path: str) -> Stat | None:
        """Describe one entry, which may be a link; None if it does not exist."""
        with self._errors(path):
            names = self._resolve(path)
            if names is None:
                return None
            with opened_folder(self._root, names[:-1]) as folder:
                found = self._describe(folder, names[-1] if names else ".")
        if found is not None and not names:
            return Stat("", True, 0, found.attributes, 0, found.modified)
        return found

    def _describe(self, folder: int, name: str) -> Stat | None:
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        is_folder, is_link = stat.S_ISDIR(found.st_mode), stat.S_ISLNK(found.st_mode)
        if not (is_folder or is_link or stat.S_ISREG(found.st_mode)):
            return None
        attributes = descent.attributes(folder, name) if self._has_attributes else None
        if attributes is None:
            attributes = 0 if is_folder else ARCHIVE
        return Stat(
            name=name,
            is_directory=is_folder,
            size=found.st_size if stat.S_ISREG(found.st_mode) else 0,
            attributes=attributes
            | (DIRECTORY if is_folder else 0)
            | (REPARSE_POINT if is_link else 0),
            reparse_tag=TAG_SYMLINK if is_link else 0,
            modified=found.st_mtime_ns // 100 + _EPOCH,
        )

    def list(self, path: str) -> list[Stat]:
        """List the files, folders and links in a folder, without `.` and `..`."""
        names = self._existing(path)
        with self._errors(path), opened_folder(self._root, names) as folder:
            return [
                found
                for name in names_in(folder)
                if (names or name != DELETED) and (found := self._describe(folder, name))
            ]

    def read_reparse(self, path: str) -> bytes | None:
        """Return None: a folder has no reparse data."""
        self._existing(path)
        return None

    def read(
        self, path: str, offset: int = 0, size: int | None = None, *, stream: str = ""
    ) -> bytes:
        """Return up to `size` bytes (None: to the end) of a file from `offset`.

        See `Tree.read`.
        """
        self._refuse_stream(path, stream)
        with self._file(path) as (_, opened, _):
            count = max(os.fstat(opened).st_size - offset, 0)
            count = count if size is None else min(count, size)
            if count > MAX_READ:
                msg = f"{path} in {self.name} is too large to read at once: {count} bytes."
                raise TreeError(msg)
            parts = []
            while count > 0 and (part := os.pread(opened, count, offset)):
                parts.append(part)
                count -= len(part)
                offset += len(part)
            return b"".join(parts)

    def _refuse_stream(self, path: str, stream: str) -> None:
        if stream:
            msg = f"{path} in {self.name} has no stream {stream}."
            raise TreeError(msg)
