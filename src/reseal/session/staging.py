"""A tree with staged changes.

Reads show the staged state; only `apply` writes to the tree. A move changes all paths below it, so changes
are kept in stages that each end with a move, and `apply` executes the stages in order. A file that is
deleted and written again is overwritten, to create and delete as few files as possible (one build diary
saw Windows 11 images fail after an offline tool had created files).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from reseal.ntfs import security
from reseal.tree import ARCHIVE, DIRECTORY, EscapeError, Stat, Tree, TreeError, join, parent
from reseal.windows import content


@dataclass(slots=True)
class Counts:
    """The number of changes that `apply` made to the tree."""

    files_created: int = 0
    files_deleted: int = 0
    files_overwritten: int = 0
    files_renamed: int = 0
    bytes_written: int = 0


@dataclass(slots=True)
class _Stage:
    """The changes up to a move. Keys are paths in lower case.

    Attributes:
        gone: entries to delete, before anything is written.
        made: folders to create.
        written: files and their content.
        descriptors: entries with a new security descriptor.
        move: the old and new path of the move that ends the stage; None in the last stage.
    """

    gone: dict[str, str] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    written: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    descriptors: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    move: tuple[str, str] | None = None

    def is_gone(self, key: str) -> bool:
        while key:
            if key in self.gone:
                return True
            key = parent(key)
        return False

    def before_move(self, path: str) -> str | None:
        """The path of an entry before the move; None if the move took the entry away."""
        if self.move is None:
            return path
        source, target = self.move
        if _within(path, target):
            return source + path[len(target) :]
        return None if _within(path, source) else path

    def forget(self, key: str) -> None:
        """Drop the staged changes of an entry and its content."""
        for staged in (self.made, self.written, self.descriptors):
            for one in [one for one in staged if one == key or one.startswith(key + "\\")]:
                del staged[one]


@dataclass(frozen=True, slots=True)
class _Found:
    """An entry of the view.

    Attributes:
        base: its path in the underlying tree; None if it is new.
        data: its staged content.
        made: whether it is a new folder.
    """

    base: str | None
    data: bytes | None = None
    made: bool = False


class StagedTree:
    """A view of a tree with staged changes, which can be applied."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._stages = [_Stage()]
        self._folders: list[tuple[str, str]] = []
        #: Paths that were read and contain a link; they are treated as absent.
        self.outside: set[str] = set()

    # The view

    def stat(self, path: str) -> Stat | None:
        """Describe an entry of the view, or return None."""
        found = self._find(path)
        if found is None:
            return None
        name = path.rpartition("\\")[2]
        old = self._stat(found.base) if found.base is not None else None
        if found.data is not None:
            if old is not None:
                return replace(old, size=len(found.data))
            return Stat(name, False, len(found.data), ARCHIVE, 0, 0)
        if old is None:
            return Stat(name, True, 0, DIRECTORY, 0, 0) if found.made else None
        return old if found.base == path else replace(old, name=name)

    # Complex: goes back through the stages; each can add, move and remove entries.
    def list(self, path: str) -> list[Stat]:
        """List a directory of the view; empty if it does not exist."""
        base, names = _staged_names(self._stages, path)
        folder = self._stat(base) if base is not None else None
        if base is not None and folder and folder.is_directory and not folder.reparse_tag:
            names = [*(entry.name for entry in self._tree.list(base)), *names]
        unique = {name.lower(): name for name in reversed(names)}
        stats = (self.stat(join(path, name)) for name in reversed(unique.values()))
        return [stat for stat in stats if stat is not None]

    def read(self, path: str) -> bytes:
        """Return a file's content in the view."""
        found = self._find(path)
        if found is not None and found.data is not None:
            return found.data
        if found is None or found.base is None:
            msg = f"{path} does not exist."
            raise TreeError(msg)
        return content.read(self._tree, found.base)

    def head(self, path: str, size: int) -> bytes:
        """Return the first bytes of a file in the view; a compressed one is read whole.

        Args:
            path: path of the file.
            size: maximum number of bytes.
        """
        found = self._find(path)
        plain = found is not None and found.data is None and found.base is not None
        if found is None or not plain or self._compressed(found.base):
            return self.read(path)[:size]
        assert found.base is not None
        return self._tree.read(found.base, 0, size)

    def reparse(self, path: str) -> bytes:
        """Return the reparse data of an unchanged entry; empty for one without, and for a changed one."""
        found = self._find(path)
        if found is None or found.data is not None or found.base is None:
            return b""
        return self._tree.read_reparse(found.base) or b""

    def _compressed(self, path: str | None) -> bool:
        stat = self._stat(path) if path else None
        return stat is not None and bool(stat.reparse_tag)

    def descriptor(self, path: str) -> bytes | None:
        """Return an entry's security descriptor in the view; None if the tree does not store any.

        A new entry inherits from its folder.
        """
        found = self._find(path)
        current: str | None = path
        for stage in reversed(self._stages):
            assert current is not None
            current = stage.before_move(current)
            if current is None:
                break
            if current.lower() in stage.descriptors:
                return stage.descriptors[current.lower()][1]
        if found is not None and found.base is not None and self._stat(found.base) is not None:
            return self._tree.descriptor(found.base)
        above = self.descriptor(parent(path)) if path else None
        stat = self.stat(path)
        if above is None or stat is None:
            return None
        return security.inherit(above, directory=stat.is_directory)

    # Staging

    def delete(self, path: str) -> None:
        """Stage the deletion of a file, a link or a whole directory."""
        key = path.lower()
        self._stages[-1].forget(key)
        self._stages[-1].gone[key] = path

    def make_directory(self, path: str) -> None:
        """Stage a new directory and its missing parents."""
        while path and self.stat(path) is None:
            self._stages[-1].made[path.lower()] = path
            path = parent(path)

    def write(self, path: str, data: bytes) -> None:
        """Stage the content of a file, new or existing."""
        if self.stat(path) is None:
            self.make_directory(parent(path))
        self._stages[-1].written[path.lower()] = (path, data)

    def set_descriptor(self, path: str, descriptor: bytes) -> None:
        """Stage a new self-relative security descriptor for an entry of the view."""
        self._stages[-1].descriptors[path.lower()] = (path, descriptor)

    def rename(self, path: str, new_path: str) -> None:
        """Stage a new path for an entry of the view and its content."""
        self._stages[-1].move = (path, new_path)
        self._stages.append(_Stage())

    def rename_last(self, path: str, new_path: str) -> None:
        """Stage a rename of a file or folder that is executed after all other changes.

        The view keeps showing the old name.
        """
        self._folders.append((path, new_path))

    @property
    def paths(self) -> Iterator[str]:
        """The paths of all entries that `apply` changes, in any order."""
        for stage in self._stages:
            yield from (*stage.gone.values(), *stage.made.values(), *(stage.move or ()))
            yield from (path for path, _ in (*stage.written.values(), *stage.descriptors.values()))
        for renamed in self._folders:
            yield from renamed

    @property
    def empty(self) -> bool:
        """Whether nothing is staged."""
        return not self._folders and self._stages == [_Stage()]

    def _find(self, path: str) -> _Found | None:
        """Trace an entry back through the stages to the underlying tree."""
        data: bytes | None = None
        made = False
        current: str | None = path
        for stage in reversed(self._stages):
            assert current is not None
            current = stage.before_move(current)
            if current is None:
                return _Found(None, data, made) if made or data is not None else None
            if made or data is not None:
                continue
            key = current.lower()
            if key in stage.written:
                data = stage.written[key][1]
            elif key in stage.made:
                made = True
            elif stage.is_gone(key):
                return None
        return _Found(current, data, made)

    def _stat(self, path: str) -> Stat | None:
        try:
            return self._tree.stat(path)
        except EscapeError:
            self.outside.add(path)
            return None

    # Writing

    def apply(self, tree: Tree) -> Counts:
        """Apply all staged changes to a writable tree."""
        counts = Counts()
        for index, stage in enumerate(self._stages):
            kept = self._kept(index) if stage.gone else set()
            for path in stage.gone.values():
                self._remove(tree, path, kept, counts)
            # Create parents first, in whatever order they were staged.
            for path in sorted(stage.made.values(), key=lambda one: one.count("\\")):
                if tree.stat(path) is None:
                    _make(tree, path, stage.descriptors)
            # New entries inherit from the final descriptors of their folders, as in the view.
            new = [one for one in stage.descriptors.values() if tree.stat(one[0]) is None]
            for path, descriptor in stage.descriptors.values():
                if (path, descriptor) not in new:
                    tree.set_descriptor(path, descriptor)
            for path, data in stage.written.values():
                self._put(tree, path, data, counts, stage.descriptors)
            for path, descriptor in new:
                tree.set_descriptor(path, descriptor)
            if stage.move is not None:
                tree.rename(*stage.move)
                counts.files_renamed += 1
        # Rename the deepest entries first, so that no path changes before its turn.
        for path, new_path in sorted(self._folders, key=lambda one: -one[0].count("\\")):
            tree.rename(path, new_path)
            counts.files_renamed += 1
        return counts

    def _kept(self, index: int) -> set[str]:
        """The files written in this stage or later that keep their path until then."""
        kept: set[str] = set()
        moved: list[str] = []
        for stage in self._stages[index:]:
            kept |= {key for key in stage.written if not any(_within(key, one) for one in moved)}
            moved += stage.move or ()
        return kept

    @staticmethod
    def _remove(tree: Tree, path: str, kept: set[str], counts: Counts) -> None:
        """Delete a tree, except files in it that will be overwritten."""
        stat = tree.stat(path)
        if stat is None or path.lower() in kept:
            return
        if stat.is_directory and not stat.reparse_tag:
            # Use an explicit stack, because a hostile image may nest thousands of folders.
            folders = [path]
            for folder in folders:
                for entry in tree.list(folder):
                    entry_path = join(folder, entry.name)
                    if entry.is_directory and not entry.reparse_tag:
                        folders.append(entry_path)
                    elif entry_path.lower() not in kept:
                        tree.delete(entry_path)
                        counts.files_deleted += 1
            for folder in reversed(folders):
                if not any(key.startswith(folder.lower() + "\\") for key in kept):
                    tree.delete(folder)
        else:
            tree.delete(path)
            counts.files_deleted += 1

    @staticmethod
    def _put(
        tree: Tree,
        path: str,
        data: bytes,
        counts: Counts,
        descriptors: dict[str, tuple[str, bytes]],
    ) -> None:
        if tree.stat(path) is None:
            missing = []
            folder = parent(path)
            while folder and tree.stat(folder) is None:
                missing.append(folder)
                folder = parent(folder)
            for folder in reversed(missing):
                _make(tree, folder, descriptors)
            tree.create(path, data)
            counts.files_created += 1
        else:
            tree.write(path, data)
            counts.files_overwritten += 1
        counts.bytes_written += len(data)


def _staged_names(stages: list[_Stage], path: str) -> tuple[str | None, list[str]]:
    """Trace a directory back through the stages.

    Returns:
        Its path in the underlying tree (None if nothing of that is left), and the names added to it.
    """
    names: list[str] = []
    current = path
    for stage in reversed(stages):
        if stage.move and parent(stage.move[1]).lower() == current.lower():
            names.append(stage.move[1].rpartition("\\")[2])
        before = stage.before_move(current)
        if before is None:
            return None, names
        current = before
        key = current.lower()
        new = (*stage.made.values(), *(one for one, _ in stage.written.values()))
        names += [one.rpartition("\\")[2] for one in new if parent(one).lower() == key]
        if stage.is_gone(key):
            return None, names
    return current, names


def _make(tree: Tree, path: str, descriptors: dict[str, tuple[str, bytes]]) -> None:
    """Create a folder with its descriptor, so that new entries in it inherit from that."""
    staged = descriptors.get(path.lower())
    tree.make_directory(path, descriptor=staged[1] if staged else None)


def _within(path: str, folder: str) -> bool:
    """Whether a path is `folder` or below it."""
    path, folder = path.lower(), folder.lower()
    return path == folder or path.startswith(folder + "\\")
