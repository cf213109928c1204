"""A tree with changes that are not written yet.

Reads see the tree as it will be; nothing reaches it before `apply`. A file that is deleted and then
written again is overwritten in the end, not replaced, so that as few files as possible are created
and deleted (one build diary saw Windows 11 images fail after an offline tool had created files).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reseal.tree import ARCHIVE, EscapeError, Stat, TreeError, join, parent
from reseal.windows import content

if TYPE_CHECKING:
    from reseal.tree import Tree


@dataclass(slots=True)
class Counts:
    """What `apply` did to the tree."""

    files_created: int = 0
    files_deleted: int = 0
    files_overwritten: int = 0
    files_renamed: int = 0
    bytes_written: int = 0


class StagedTree:
    """A read view of a tree with staged changes, and the way to apply them."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._gone: dict[str, str] = {}
        self._written: dict[str, tuple[str, bytes]] = {}
        self._moved: dict[str, tuple[str, str]] = {}
        self._folders: list[tuple[str, str]] = []
        #: Paths that were asked for and run through a link; they count as absent.
        self.outside: set[str] = set()

    # The view

    def stat(self, path: str) -> Stat | None:
        """Describe an entry as it will be, or return None."""
        key = path.lower()
        if key in self._written:
            size = len(self._written[key][1])
            old = self._stat(path)
            if old is not None:
                return replace(old, size=size)
            return Stat(path.rpartition("\\")[2], False, size, ARCHIVE, 0, 0)
        if key in self._moved:
            old = self._stat(self._moved[key][1])
            return replace(old, name=path.rpartition("\\")[2]) if old else None
        return None if self._is_gone(key) else self._stat(path)

    def list(self, path: str) -> list[Stat]:
        """List a directory as it will be; empty where there is no such directory."""
        folder = self._stat(path)
        names: list[str] = []
        if folder and folder.is_directory and not folder.reparse_tag:
            names = [entry.name for entry in self._tree.list(path)]
        new = [*self._written.values(), *self._moved.values()]
        names += [one.rpartition("\\")[2] for one, _ in new if parent(one).lower() == path.lower()]
        unique = {name.lower(): name for name in names}
        stats = (self.stat(join(path, name)) for name in unique.values())
        return [stat for stat in stats if stat is not None]

    def read(self, path: str) -> bytes:
        """Return a file's content as it will be."""
        key = path.lower()
        if key in self._written:
            return self._written[key][1]
        if key in self._moved:
            return content.read(self._tree, self._moved[key][1])
        if self._is_gone(key):
            msg = f"{path} does not exist."
            raise TreeError(msg)
        return content.read(self._tree, path)

    # Staging

    def delete(self, path: str) -> None:
        """Stage the deletion of a file, a link or a whole directory."""
        key = path.lower()
        for staged in (self._written, self._moved):
            for one in [one for one in staged if one == key or one.startswith(key + "\\")]:
                del staged[one]
        self._gone[key] = path

    def write(self, path: str, data: bytes) -> None:
        """Stage the content of a file, new or existing."""
        self._written[path.lower()] = (path, data)

    def rename(self, path: str, new_path: str) -> None:
        """Stage a new name for a file that exists in the tree."""
        self._gone[path.lower()] = path
        self._moved[new_path.lower()] = (new_path, path)

    def rename_last(self, path: str, new_path: str) -> None:
        """Stage a new name for a file or a folder, given after all else is written.

        Until then everything goes on under the old name: the view does not show the new one.
        """
        self._folders.append((path, new_path))

    @property
    def empty(self) -> bool:
        """Whether nothing is staged."""
        return not (self._gone or self._written or self._moved or self._folders)

    def _stat(self, path: str) -> Stat | None:
        try:
            return self._tree.stat(path)
        except EscapeError:
            self.outside.add(path)
            return None

    def _is_gone(self, key: str) -> bool:
        while key:
            if key in self._gone:
                return True
            key = parent(key)
        return False

    # Writing

    def apply(self, tree: Tree) -> Counts:
        """Do to a writable tree all that is staged."""
        counts = Counts()
        for new_path, path in self._moved.values():
            tree.rename(path, new_path)
            counts.files_renamed += 1
        moved = {path.lower() for _, path in self._moved.values()}
        for key, path in self._gone.items():
            if key not in moved:
                self._remove(tree, path, counts)
        for path, data in self._written.values():
            self._put(tree, path, data, counts)
        # What lies deepest first, so that no path has changed when its turn comes.
        for path, new_path in sorted(self._folders, key=lambda one: -one[0].count("\\")):
            tree.rename(path, new_path)
            counts.files_renamed += 1
        return counts

    def _remove(self, tree: Tree, path: str, counts: Counts) -> None:
        """Delete a tree, but keep what is written again below it, to be overwritten."""
        stat = tree.stat(path)
        if stat is None or path.lower() in self._written:
            return
        if stat.is_directory and not stat.reparse_tag:
            # An explicit stack: a hostile image may nest thousands of folders.
            folders = [path]
            for folder in folders:
                for entry in tree.list(folder):
                    entry_path = join(folder, entry.name)
                    if entry.is_directory and not entry.reparse_tag:
                        folders.append(entry_path)
                    elif entry_path.lower() not in self._written:
                        tree.delete(entry_path)
                        counts.files_deleted += 1
            for folder in reversed(folders):
                if not any(key.startswith(folder.lower() + "\\") for key in self._written):
                    tree.delete(folder)
        else:
            tree.delete(path)
            counts.files_deleted += 1

    @staticmethod
    def _put(tree: Tree, path: str, data: bytes, counts: Counts) -> None:
        if tree.stat(path) is None:
            missing = []
            folder = parent(path)
            while folder and tree.stat(folder) is None:
                missing.append(folder)
                folder = parent(folder)
            for folder in reversed(missing):
                tree.make_directory(folder)
            tree.create(path, data)
            counts.files_created += 1
        else:
            tree.write(path, data)
            counts.files_overwritten += 1
        counts.bytes_written += len(data)
