r"""What reseal asks of a directory tree, whether an NTFS volume or a folder holds it.

Paths are Windows paths relative to the tree's root, separated by backslashes and without a drive
letter, such as `Windows\System32\config\SYSTEM`; the empty string is the root. Names are
case-insensitive. No operation ever follows a reparse point or symbolic link: a path that runs
through one raises `EscapeError`, so nothing outside the tree is ever read or written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from reseal.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: File attributes, as GetFileAttributes returns them (documented).
READONLY = 0x1
HIDDEN = 0x2
SYSTEM = 0x4
DIRECTORY = 0x10
ARCHIVE = 0x20
NORMAL = 0x80
SPARSE = 0x200
REPARSE_POINT = 0x400
COMPRESSED = 0x800
ENCRYPTED = 0x4000


class TreeError(ImageError, OSError):
    """A file or folder of the image can't be read or written."""


class EscapeError(TreeError):
    """A path runs through a reparse point or symbolic link, and so may leave the image."""


@dataclass(frozen=True, slots=True)
class Stat:
    """What a directory says of one entry.

    Attributes:
        name: the entry's own name, in the case in which it is stored.
        is_directory: true for directories, also where they are reparse points (junctions).
        size: bytes in the unnamed stream; 0 for directories.
        attributes: FILE_ATTRIBUTE_* bits.
        reparse_tag: IO_REPARSE_TAG_*, 0 where the entry is no reparse point.
        modified: time of the last change of the data, 100 ns since 1601-01-01 UTC.
    """

    name: str
    is_directory: bool
    size: int
    attributes: int
    reparse_tag: int
    modified: int


class Files(Protocol):
    """Files that can be read; see `Tree`."""

    def stat(self, path: str) -> Stat | None:
        """See `Tree.stat`."""
        ...

    def list(self, path: str) -> list[Stat]:
        """See `Tree.list`."""
        ...

    def read(
        self, path: str, offset: int = 0, size: int | None = None, *, stream: str = ""
    ) -> bytes:
        """See `Tree.read`."""
        ...


class Tree(Files, Protocol):
    """A directory tree of a Windows volume.

    Every failure is a TreeError that names the path. `read`, `list`, `write`, `delete` and `rename`
    of a path that does not exist raise TreeError; `stat` returns None.
    """

    read_only: bool

    def stat(self, path: str) -> Stat | None:
        """Describe one entry, which may be a link, or return None where there is none."""
        ...

    def list(self, path: str) -> list[Stat]:
        """List a directory, without `.` and `..` and the file system's own metadata files."""
        ...

    def read(
        self, path: str, offset: int = 0, size: int | None = None, *, stream: str = ""
    ) -> bytes:
        """Return up to `size` bytes (None: to the end) of a stream, decompressed, from `offset`.

        Raises TreeError for WOF-compressed data (`reparse_tag` 0x80000017).
        """
        ...

    def read_reparse(self, path: str) -> bytes | None:
        """Return an entry's reparse data, with tag and length at its head, or None."""
        ...

    def write(self, path: str, data: bytes, *, stream: str = "") -> None:
        """Replace the content of an existing file, keeping the file itself with all it carries.

        A WOF-compressed file loses its reparse point and WofCompressedData stream; an
        LZNT1-compressed one is rewritten whole.
        """
        ...

    def patch(self, path: str, offset: int, data: bytes) -> None:
        """Write `data` at `offset` of an existing file's unnamed stream, growing it if needed.

        Compressed files are rewritten whole, as by `write`.
        """
        ...

    def create(self, path: str, data: bytes = b"", *, descriptor: bytes | None = None) -> None:
        """Create a file. `descriptor`: self-relative; None: inherited from the parent folder."""
        ...

    def make_directory(self, path: str, *, descriptor: bytes | None = None) -> None:
        """Create one directory. `descriptor` as in `create`."""
        ...

    def delete(self, path: str) -> None:
        """Delete a file, an empty directory or a link, read-only or not."""
        ...

    def rename(self, path: str, new_path: str) -> None:
        """Move an entry inside the tree; TreeError where `new_path` exists."""
        ...

    def set_attributes(self, path: str, attributes: int) -> None:
        """Set the READONLY, HIDDEN, SYSTEM and ARCHIVE bits of an entry."""
        ...

    def descriptor(self, path: str) -> bytes | None:
        """Return an entry's self-relative security descriptor; None where the tree keeps none."""
        ...

    def set_descriptor(self, path: str, descriptor: bytes) -> None:
        """Set an entry's self-relative security descriptor; TreeError where the tree keeps none."""
        ...

    def close(self) -> None:
        """Write what is pending and give the tree back. Closing twice is allowed."""
        ...


def join(*parts: str) -> str:
    """Join path parts with backslashes, leaving empty ones out."""
    return "\\".join(part.strip("\\") for part in parts if part.strip("\\"))


def parent(path: str) -> str:
    """Return the path of the folder that holds `path`; the root's is the root."""
    return path.rpartition("\\")[0]


def walk(tree: Files, path: str) -> Iterator[tuple[str, Stat]]:
    """Yield (path, stat) of everything below a directory, parents first, links not followed."""
    pending = [path]
    while pending:
        folder = pending.pop()
        for entry in tree.list(folder):
            entry_path = join(folder, entry.name)
            yield entry_path, entry
            if entry.is_directory and not entry.reparse_tag:
                pending.append(entry_path)
