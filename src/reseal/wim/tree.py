"""An image of a WIM as a readable tree of files, without applying it."""

from __future__ import annotations

import ctypes
import os
from ctypes import Structure, c_char_p, c_size_t, c_uint32, c_uint64, c_void_p
from dataclasses import dataclass, field
from typing import Any, NoReturn

from reseal.folder.descent import upper
from reseal.interruption import temporary_folder
from reseal.tree import DIRECTORY, ENCRYPTED, REPARSE_POINT, EscapeError, Stat, TreeError
from reseal.wim import library, wof
from reseal.wim.file import Wim

_RECURSIVE, _CHILDREN = 0x1, 0x2  # WIMLIB_ITERATE_DIR_TREE_FLAG_*
#: WIMLIB_EXTRACT_FLAG_*: NO_ACLS, NORPFIX, NO_ATTRIBUTES, NO_PRESERVE_DIR_STRUCTURE.
_PLAIN_FILE = 0x40 | 0x200 | 0x100000 | 0x200000

#: Maximum number of entries in a folder; folders of Windows have fewer.
_MAX_ENTRIES = 2_000_000
#: The largest part of a file that one read returns.
_MAX_READ = 2 << 30
#: 1970-01-01 as FILETIME: 100 ns since 1601-01-01.
_EPOCH = 116_444_736_000_000_000


class _Time(Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Stream(Structure):
    """struct wimlib_stream_entry, whose resource starts with its size."""

    _fields_ = (("name", c_char_p), ("size", c_uint64))


class _Entry(Structure):
    """struct wimlib_dir_entry, with the start of its first stream."""

    _fields_ = (
        ("name", c_char_p),
        ("short_name", c_char_p),
        ("path", c_char_p),
        ("depth", c_size_t),
        ("descriptor", c_void_p),
        ("descriptor_size", c_size_t),
        ("attributes", c_uint32),
        ("reparse_tag", c_uint32),
        ("links", c_uint32),
        ("named_streams", c_uint32),
        ("group", c_uint64),
        ("created", _Time),
        ("modified", _Time),
        ("accessed", _Time),
        ("unix", c_uint32 * 4),
        ("object_id", ctypes.c_uint8 * 64),
        ("times_high", ctypes.c_int32 * 4),
        ("reserved", c_uint64 * 4),
        ("unnamed", _Stream),
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """An entry, its path in libwim's spelling, and its security descriptor."""

    stat: Stat
    path: bytes
    descriptor: bytes | None = None


#: Reparse tags of files whose content is not in the file ([MS-FSCC] 2.1.2.1): Data Deduplication; files of
#: the cloud, whose tags differ in one digit; placeholders of OneDrive and of Windows 8.1; and files of
#: hierarchical storage (HSM, HSM2), single instance storage, WIMBoot, Azure File Sync and projected folders.
_DEDUPLICATED = 0x80000013
_CLOUD, _CLOUD_MASK = 0x9000001A, 0xFFFF0FFF
_PLACEHOLDERS = frozenset(
    {0x80000015, 0x80000021, 0xC0000004, 0x80000006, 0x80000007, 0x80000008, 0x8000001E, 0x9000001C}
)


@dataclass(slots=True)
class Reparsed:
    """Files of an image whose content is not stored as that of other files.

    Attributes:
        compressed: WOF-compressed ("CompactOS").
        deduplicated: their content is in the volume's chunk store.
        cloud: placeholders, whose content may be in the cloud or in another store.
    """

    compressed: list[str] = field(default_factory=list)
    deduplicated: list[str] = field(default_factory=list)
    cloud: list[str] = field(default_factory=list)

    def of(self, tag: int) -> list[str] | None:
        """Return the list of files with a reparse tag; None for other tags."""
        if tag == wof.REPARSE_TAG:
            return self.compressed
        if tag == _DEDUPLICATED:
            return self.deduplicated
        if tag & _CLOUD_MASK == _CLOUD or tag in _PLACEHOLDERS:
            return self.cloud
        return None


def reparsed_files(wim: Wim, index: int) -> Reparsed:
    """Return the files of an image whose content is not stored as that of other files."""
    found = Reparsed()

    def visit(address: int, _context: int) -> int:
        entry = _Entry.from_address(address)
        paths = found.of(entry.reparse_tag) if entry.reparse_tag else None
        if paths is not None and not entry.attributes & DIRECTORY:
            paths.append(os.fsdecode(entry.path).strip("/").replace("/", "\\"))
        return 0

    code = wim.calls.wimlib_iterate_dir_tree(
        wim.handle, index, b"/", _RECURSIVE, library.VISIT(visit), None
    )
    wim.check(code, f"can't be read (image {index})")
    return found


class WimTree:
    """An image of an open WIM; the read-only half of `reseal.tree.Tree`.

    A folder is listed on first access. A file's content is extracted into an unnamed file when it is read.
    Reparse data and named streams can't be read without applying the image.

    Attributes:
        name: name of the image in messages.
        read_only: always true.
        refused: whether a read failed that would succeed in the applied image.
    """

    read_only = True

    def __init__(self, wim: Wim, index: int) -> None:
        wim.require_sound(index)
        self.name = f"image {index} of {wim.subject}"
        self.refused = False
        self._wim = wim
        self._index = index
        self._listed: dict[bytes, dict[str, list[_Found]]] = {}
        self._kept: tuple[bytes, int] | None = None

    # Finding

    def _children(self, folder: bytes) -> dict[str, list[_Found]]:
        """List a folder: entries by upper-cased name, as Windows compares names."""
        if folder in self._listed:
            return self._listed[folder]
        found: dict[str, list[_Found]] = {}
        failure: list[BaseException] = []

        def visit(address: int, _context: int) -> int:
            try:
                entry = _Entry.from_address(address)
                name = (entry.name or b"").decode("utf-8", "surrogatepass")
                if len(found) >= _MAX_ENTRIES:
                    self._refuse(name, "is in a folder with too many entries")
                descriptor = ctypes.string_at(entry.descriptor or 0, entry.descriptor_size)
                one = _Found(_stat(entry, name), entry.path, descriptor or None)
                found.setdefault(upper(name), []).append(one)
            except BaseException as error:  # noqa: BLE001  raised again after the library call
                failure.append(error)
                return 1
            return 0

        code = self._wim.calls.wimlib_iterate_dir_tree(
            self._wim.handle, self._index, folder or b"/", _CHILDREN, library.VISIT(visit), None
        )
        if failure:
            raise failure[0]
        self._wim.check(code, f"can't be read (image {self._index})")
        self._listed[folder] = found
        return found

    def _find(self, path: str) -> _Found | None:
        """Find an entry. Raises EscapeError if the path contains a reparse point."""
        found: _Found | None = None
        for part in [part for part in path.split("\\") if part]:
            if found is not None and found.stat.reparse_tag:
                msg = f"{path} in {self.name} contains a link, which may point outside the image."
                raise EscapeError(msg)
            if found is not None and not found.stat.is_directory:
                return None
            candidates = self._children(found.path if found else b"").get(upper(part), [])
            if len(candidates) > 1:
                names = " and ".join(sorted(one.stat.name for one in candidates))
                self._refuse(path, f"is ambiguous: {names} differ only in case")
            if not candidates:
                return None
            found = candidates[0]
        return found or _ROOT

    def _existing(self, path: str) -> _Found:
        found = self._find(path)
        if found is None:
            self._refuse(path, "does not exist")
        return found

    def _refuse(self, path: str, why: str) -> NoReturn:
        msg = f"{path or 'The root'} in {self.name} {why}."
        raise TreeError(msg)

    # Reading

    def stat(self, path: str) -> Stat | None:
        """Describe an entry, without following a link; None if it does not exist."""
        found = self._find(path)
        return found.stat if found else None

    def list(self, path: str) -> list[Stat]:
        """List a folder."""
        found = self._existing(path)
        if not found.stat.is_directory:
            self._refuse(path, "is not a folder")
        if found.stat.reparse_tag:
            msg = f"{path} in {self.name} is a link, which may point outside the image."
            raise EscapeError(msg)
        return [one.stat for same in self._children(found.path).values() for one in same]

    def read_reparse(self, path: str) -> bytes | None:
        """Return None: libwim does not provide reparse data."""
        self.refused |= bool(self._existing(path).stat.reparse_tag)
        return None

    def read(
        self, path: str, offset: int = 0, size: int | None = None, *, stream: str = ""
    ) -> bytes:
        """See `Tree.read`. Named streams can't be read."""
        found = self._existing(path)
        if found.stat.is_directory:
            self._refuse(path, "is a folder")
        if found.stat.reparse_tag or stream or found.stat.attributes & ENCRYPTED:
            self.refused = True
            self._refuse(path, "can't be read without applying the image")
        count = max(found.stat.size - offset, 0)
        count = count if size is None else min(count, size)
        if count > _MAX_READ:
            self._refuse(path, f"is too large to read at once: {count} bytes")
        if not count:
            return b""
        number = self._content(found)
        parts = []
        while count > 0 and (part := os.pread(number, count, offset)):
            parts.append(part)
            count -= len(part)
            offset += len(part)
        return b"".join(parts)

    def _content(self, found: _Found) -> int:
        """Extract a file. The last one is cached, for files that are read in parts."""
        if self._kept and self._kept[0] == found.path:
            return self._kept[1]
        self._forget()
        with temporary_folder() as folder:
            paths = (c_char_p * 1)(found.path)
            code = self._wim.calls.wimlib_extract_paths(
                self._wim.handle, self._index, os.fsencode(folder), paths, 1, _PLAIN_FILE
            )
            self._wim.check(code, f"can't be read (image {self._index})")
            (made,) = folder.iterdir()
            number = os.open(made, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self._kept = found.path, number
        return number

    def _forget(self) -> None:
        if self._kept:
            os.close(self._kept[1])
            self._kept = None

    def close(self) -> None:
        """Close the cached file; the WIM stays open."""
        self._forget()

    def descriptor(self, path: str) -> bytes | None:
        """Return an entry's self-relative security descriptor; None for the root."""
        return self._existing(path).descriptor

    # Changing

    def _refuse_change(self, path: str, *_arguments: Any, **_options: Any) -> NoReturn:
        self._refuse(path, "can't be changed in place")

    write = patch = create = make_directory = delete = _refuse_change
    rename = set_attributes = set_descriptor = _refuse_change


_ROOT = _Found(Stat("", True, 0, DIRECTORY, 0, 0), b"")


def _stat(entry: _Entry, name: str) -> Stat:
    is_directory = bool(entry.attributes & DIRECTORY)
    time = entry.modified
    is_link = bool(entry.attributes & REPARSE_POINT)
    return Stat(
        name=name,
        is_directory=is_directory,
        size=0 if is_directory or is_link else entry.unnamed.size,
        attributes=entry.attributes,
        reparse_tag=entry.reparse_tag if is_link else 0,
        modified=time.seconds * 10_000_000 + time.nanoseconds // 100 + _EPOCH,
    )
