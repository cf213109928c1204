r"""The interface of a directory tree: an NTFS volume, a folder, or an image of a WIM.

Paths are Windows paths relative to the tree's root, with backslashes and without a drive letter, such as
`Windows\System32\config\SYSTEM`; the empty string is the root. Names are case-insensitive. No operation
follows a reparse point or symbolic link: a path that contains one raises `EscapeError`, so nothing outside
the tree is read or written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from reseal.errors import ImageError

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
    """A path contains a reparse point or symbolic link, which may point outside the image."""


@dataclass(frozen=True, slots=True)
class Stat:
    """The metadata of one entry.

    Attributes:
        name: the entry's name, in stored case.
        is_directory: whether it is a directory, including junctions.
        size: bytes in the unnamed stream; 0 for directories.
        attributes: FILE_ATTRIBUTE_* bits.
        reparse_tag: IO_REPARSE_TAG_*; 0 if the entry is not a reparse point.
        modified: time of the last change of the data, 100 ns since 1601-01-01 UTC.
    """

    name: str
    is_directory: bool
    size: int
    attributes: int
    reparse_tag: int
    modified: int


class Files(Protocol):
    """A tree of readable files; see `Tree`."""

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

    All failures raise TreeError with the path in the message. `read`, `list`, `write`, `delete` and `rename`
    raise it for a path that does not exist; `stat` returns None.
    """

    read_only: bool

    def stat(self, path: str) -> Stat | None:
        """Describe an entry, without following a link; None if it does not exist."""
        ...

    def list(self, path: str) -> list[Stat]:
        """List a directory, without `.`, `..` and metadata files."""
        ...

    def read(
        self, path: str, offset: int = 0, size: int | None = None, *, stream: str = ""
    ) -> bytes:
        """Read a stream, with LZNT1 decompressed.

        Args:
            path: path of the file.
            offset: byte offset in the stream.
            size: maximum number of bytes; None reads to the end.
            stream: name of the stream; empty for the unnamed one.

        Raises:
            TreeError: the file or stream can't be read, or is WOF-compressed (`reparse_tag` 0x80000017).
        """
        ...

    def read_reparse(self, path: str) -> bytes | None:
        """Return an entry's reparse data, which starts with tag and length, or None."""
        ...

    def write(self, path: str, data: bytes, *, stream: str = "") -> None:
        """Replace the content of an existing file; its attributes, streams and descriptor stay.

        A WOF-compressed file loses its reparse point and WofCompressedData stream; an
        LZNT1-compressed file is rewritten whole.

        Args:
            path: path of the file.
            data: the new content.
            stream: name of the stream, added if missing; empty for the unnamed one.
        """
        ...

    def patch(self, path: str, offset: int, data: bytes) -> None:
        """Write into an existing file's unnamed stream, growing it if needed.

        Compressed files are rewritten whole, as by `write`.

        Args:
            path: path of the file.
            offset: byte offset; a gap after the old end is filled with zeros.
            data: bytes to write.
        """
        ...

    def create(self, path: str, data: bytes = b"", *, descriptor: bytes | None = None) -> None:
        """Create a file.

        Args:
            path: path of the new file, in an existing folder.
            data: its content.
            descriptor: self-relative security descriptor; None inherits from the folder.
        """
        ...

    def make_directory(self, path: str, *, descriptor: bytes | None = None) -> None:
        """Create one directory. `descriptor` as in `create`."""
        ...

    def delete(self, path: str) -> None:
        """Delete a file, an empty directory or a link, even if it is read-only."""
        ...

    def rename(self, path: str, new_path: str) -> None:
        """Move an entry within the tree. Raises TreeError if `new_path` exists."""
        ...

    def set_attributes(self, path: str, attributes: int) -> None:
        """Set the READONLY, HIDDEN, SYSTEM and ARCHIVE bits of an entry."""
        ...

    def descriptor(self, path: str) -> bytes | None:
        """Return an entry's self-relative security descriptor; None if the tree stores none."""
        ...

    def set_descriptor(self, path: str, descriptor: bytes) -> None:
        """Set an entry's self-relative security descriptor; TreeError if the tree stores none."""
        ...

    def close(self) -> None:
        """Write pending changes and release the tree. Closing twice is allowed."""
        ...


def join(*parts: str) -> str:
    """Join non-empty path parts with backslashes."""
    return "\\".join(part.strip("\\") for part in parts if part.strip("\\"))


def parent(path: str) -> str:
    """Return the parent folder of `path`; the parent of the root is the root."""
    return path.rpartition("\\")[0]


def walk(tree: Files, path: str) -> Iterator[tuple[str, Stat]]:
    """Yield (path, stat) of all entries below a directory, parents first, without following links."""
    pending = [path]
    while pending:
        folder = pending.pop()
        for entry in tree.list(folder):
            entry_path = join(folder, entry.name)
            yield entry_path, entry
            if entry.is_directory and not entry.reparse_tag:
                pending.append(entry_path)
