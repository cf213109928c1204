"""Find and read files on a mounted volume."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from reseal.ntfs import content, directory, names, records
from reseal.ntfs.inode import MAX_REPARSE, Inode
from reseal.ntfs.mount import Mount
from reseal.tree import DIRECTORY, NORMAL, REPARSE_POINT, EscapeError, Stat, TreeError, join, parent

#: Attribute bits that exist only in the index, not in the file attributes that Windows shows.
_INDEX_ONLY = 0x30000000
#: How many lookups are remembered.
_MAX_LOOKUPS = 10_000


def _shown(attributes: int, *, is_directory: bool) -> int:
    """Return attributes as GetFileAttributes shows them."""
    shown = attributes & ~_INDEX_ONLY & ~NORMAL | (DIRECTORY if is_directory else 0)
    return shown or NORMAL


class VolumeReader:
    """The read-only half of `reseal.tree.Tree`.

    Attributes:
        name: name of the volume in messages.
    """

    def __init__(self, mount: Mount) -> None:
        self._mount = mount
        self.name = mount.name
        self._lookups: dict[tuple[int, str], int | None] = {}

    # Finding

    def _resolve(self, path: str) -> int | None:
        """Return the file reference of a path, or None if it does not exist.

        Metadata files are hidden, as they are from programs in Windows.
        """
        reference = records.ROOT
        walked = ""
        for part in names.split(path):
            found = self._lookup(reference, walked, part)
            if found is None or found & records.RECORD_MASK < records.FIRST_USER_FILE:
                return None
            reference = found
            walked = join(walked, part)
        return reference

    def _lookup(self, reference: int, path: str, name: str) -> int | None:
        """Return the file reference of a name in a folder; None if either does not exist."""
        if (reference, name) in self._lookups:
            return self._lookups[reference, name]
        with self._mount.inode(reference, path) as folder:
            if not folder.is_directory:
                return None
            self._refuse_link(folder)
            found = self._mount.lookup(folder, name)
        if self._mount.read_only:  # otherwise it may change
            if len(self._lookups) >= _MAX_LOOKUPS:
                self._lookups.clear()
            self._lookups[reference, name] = found
        return found

    def _refuse_link(self, inode: Inode) -> None:
        if inode.attribute(records.REPARSE_POINT) is not None:
            msg = f"{inode.path} on {self.name} is a link, which may point outside the volume."
            raise EscapeError(msg)

    @contextmanager
    def _entry(self, path: str) -> Iterator[Inode]:
        """Open the entry at a path. Raises TreeError if it does not exist."""
        reference = self._resolve(path)
        if reference is None:
            msg = f"{path} on {self.name} does not exist."
            raise TreeError(msg)
        with self._mount.inode(reference, path) as inode:
            yield inode

    @contextmanager
    def _folder(self, path: str) -> Iterator[Inode]:
        """Open a folder. Raises TreeError if it is not a folder, EscapeError if it is a link."""
        with self._entry(path) as folder:
            if not folder.is_directory:
                msg = f"{path} on {self.name} is not a folder."
                raise TreeError(msg)
            self._refuse_link(folder)
            yield folder

    # Reading

    def stat(self, path: str) -> Stat | None:
        """Describe an entry, without following a link; None if it does not exist."""
        reference = self._resolve(path)
        if reference is None:
            return None
        folder = self._resolve(parent(path)) if path else None
        with self._mount.inode(reference, path) as inode:
            is_directory = inode.is_directory
            attributes = _shown(inode.file_attributes, is_directory=is_directory)
            data = None if is_directory else inode.attribute(records.DATA)
            parts = names.split(path)
            return Stat(
                name=names.stored(inode, folder, parts[-1]) if parts and folder else "",
                is_directory=is_directory,
                size=data.size if data else 0,
                attributes=attributes,
                reparse_tag=inode.reparse_tag if attributes & REPARSE_POINT else 0,
                modified=inode.times[1],
            )

    def list(self, path: str) -> list[Stat]:
        """List a folder, without `.`, `..` and metadata files.

        Sizes, attributes and times come from the folder's index, as in FindFirstFile. They may be stale
        for a file with several hard links; `stat` reads the file record.
        """
        with self._folder(path) as folder:
            return [
                Stat(
                    name=entry.name,
                    is_directory=bool(entry.attributes & records.INDEXED),
                    size=0 if entry.attributes & records.INDEXED else entry.size,
                    attributes=_shown(
                        entry.attributes,
                        is_directory=bool(entry.attributes & records.INDEXED),
                    ),
                    reparse_tag=entry.reparse_tag,
                    modified=entry.modified,
                )
                for entry in directory.entries(folder)
                if entry.namespace != records.NAME_DOS and entry.record >= records.FIRST_USER_FILE
            ]

    def read(
        self, path: str, offset: int = 0, size: int | None = None, *, stream: str = ""
    ) -> bytes:
        """See `Tree.read`. Raises TreeError also for folders, links, EFS and deduplicated files."""
        with self._entry(path) as inode:
            return content.read(inode, stream, offset, size)

    def read_reparse(self, path: str) -> bytes | None:
        """Return an entry's reparse data, which starts with tag and length, or None."""
        with self._entry(path) as inode:
            return inode.read(records.REPARSE_POINT, size=MAX_REPARSE) or None

    def descriptor(self, path: str) -> bytes:
        """Return an entry's self-relative security descriptor."""
        with self._entry(path) as inode:
            return inode.descriptor()
