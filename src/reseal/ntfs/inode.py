"""An open file record: its attributes and their values."""

from __future__ import annotations

import ctypes
import errno
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from reseal.errors import ImageError
from reseal.ntfs import records
from reseal.tree import DIRECTORY, TreeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reseal.ntfs.mount import Mount
    from reseal.ntfs.records import Attribute, FileName

#: Maximum number of attribute records of a file: an attribute list has at most 256 KiB.
MAX_ATTRIBUTES = 16_384
#: Maximum size of a file record.
MAX_RECORD = 4096
#: Maximum bytes of one write, which limits the clusters per allocation. A large allocation can fail although
#: enough clusters are free (seen with libntfs-3g 2022.10.3: 150 MB on an empty volume of 200 MB), because
#: they are in different allocation zones.
_PIECE = 1 << 20
_LEAST = 1 << 12
#: The largest part of a file that one read returns.
MAX_READ = 2 << 30
#: Maximum size of reparse data (documented, MAXIMUM_REPARSE_DATA_BUFFER_SIZE).
MAX_REPARSE = 16 << 10
#: Initial buffer for a security descriptor; the library returns the size it needs.
DESCRIPTOR_GUESS = 4096
MAX_DESCRIPTOR = 1 << 20

#: ntfs_inode_update_times: the file was modified and its record changed.
_TIMES_MODIFIED = 0x2 | 0x4
_TIMES_CHANGED = 0x4

_T = TypeVar("_T")


class Inode:
    """A file record that libntfs-3g has open.

    The library does not detect a record that is open twice; the copy written last wins. So records are
    opened through `Mount.inode`, one at a time, a folder before its content.

    Args:
        mount: the mounted volume.
        pointer: the library's structure.
        path: the path in messages.
        number: its record number; None for a new file.
    """

    def __init__(self, mount: Mount, pointer: int, path: str, number: int | None = None) -> None:
        self.mount = mount
        self.number = number
        self.pointer = pointer
        self.path = path
        self._calls = mount.calls

    def close(self) -> None:
        """Write changes to the record and to its copies in folders. Closing twice is allowed."""
        pointer = self.release()
        if pointer:
            result = self.mount.call(self._calls.ntfs_inode_close, pointer)
            self.mount.check(result, "can't be written", self.path)

    def release(self) -> int:
        """Return the address of the record for a library function that closes it."""
        pointer, self.pointer = self.pointer, 0
        return pointer

    def abandon(self) -> None:
        """Close the record while another error is being raised."""
        pointer = self.release()
        if pointer:
            with suppress(ImageError):
                self.mount.call(self._calls.ntfs_inode_close, pointer)

    # Attributes

    def _records(self, kind: int, name: bytes | int | None) -> Iterator[bytes]:
        """Yield the raw records of a type (0: any) and name (None: any).

        The caller must use each before the file record changes.
        """
        length = len(name) // 2 if isinstance(name, bytes) else 0
        context = self._calls.ntfs_attr_get_search_ctx(self.pointer, None)
        try:
            for _ in range(MAX_ATTRIBUTES):
                if self.mount.call(
                    self._calls.ntfs_attr_lookup, kind, name, length, 0, 0, None, 0, context
                ):
                    if ctypes.get_errno() == errno.ENOENT:
                        return
                    raise self.mount.error("can't be read", self.path)
                yield _record_at(context.contents.attr)
        finally:
            self._calls.ntfs_attr_put_search_ctx(context)
        msg = f"{self.path} on {self.mount.name} is damaged: it has too many attributes."
        raise TreeError(msg)

    def attributes(self) -> Iterator[Attribute]:
        """Yield the headers of all attributes, without continuation records."""
        for raw in self._records(0, None):
            attribute = records.parse_attribute(raw)
            if not attribute.first_cluster:
                yield attribute

    def attribute(self, kind: int, name: str = "") -> Attribute | None:
        """Return the header of an attribute, or None."""
        for raw in self._records(kind, self._name(name)):
            return records.parse_attribute(raw)
        return None

    def names(self) -> list[FileName]:
        """Return all names of the file, including hard links and short names."""
        return [
            records.parse_file_name(raw)
            for raw in self._records(records.FILE_NAME, self.mount.library.unnamed)
        ]

    def _name(self, name: str) -> bytes | int:
        """Return an attribute's name as an argument for the library."""
        return records.encode_name(name) or self.mount.library.unnamed

    def read(self, kind: int, name: str = "", offset: int = 0, size: int | None = None) -> bytes:
        """Read an attribute; an absent one is empty.

        Args:
            kind: attribute type.
            name: attribute name; empty for an unnamed attribute.
            offset: byte offset in its value.
            size: maximum number of bytes; None reads to the end.

        Raises:
            TreeError: the value is damaged, or too large to read at once.
        """
        attribute = self.attribute(kind, name)
        if attribute is None:
            return b""
        count = max(attribute.size - offset, 0)
        if size is not None:
            count = min(count, size)
        if count > MAX_READ:
            msg = f"{self.path} on {self.mount.name} is too large to read at once: {count} bytes."
            raise TreeError(msg)
        if not count:
            return b""
        buffer = bytearray(count)
        address = ctypes.addressof(ctypes.c_char.from_buffer(buffer))

        def transfer(opened: int) -> None:
            done = 0
            while done < count:
                part = self.mount.check(
                    self.mount.call(
                        self._calls.ntfs_attr_pread,
                        opened,
                        offset + done,
                        count - done,
                        address + done,
                        reads=count // 512,
                    ),
                    "can't be read",
                    self.path,
                )
                if not part:
                    msg = f"{self.path} on {self.mount.name} is damaged: it ends early."
                    raise TreeError(msg)
                done += part

        self.with_attribute(kind, name, transfer)
        return bytes(buffer)

    def with_attribute(self, kind: int, name: str, use: Callable[[int], _T]) -> _T:
        """Open an existing attribute, pass it to `use` and return the result.

        Args:
            kind: attribute type.
            name: attribute name; empty for an unnamed attribute.
            use: called with the address of the open attribute.

        Raises:
            TreeError: the attribute can't be opened.
        """
        opened = self.mount.call(
            self._calls.ntfs_attr_open,
            self.pointer,
            kind,
            self._name(name),
            _units(name),
        )
        if not opened:
            raise self.mount.error("can't be opened", self.path)
        try:
            return use(opened)
        finally:
            self._calls.ntfs_attr_close(opened)

    def write(self, name: str, offset: int, data: bytes) -> None:
        """Write into an existing data attribute, growing it if needed.

        Args:
            name: attribute name; empty for an unnamed attribute.
            offset: byte offset in its value.
            data: bytes to write.

        Raises:
            TreeError: the library failed.
        """
        attribute = self.attribute(records.DATA, name)
        whole = attribute is not None and (attribute.compressed or attribute.sparse)
        # Write a compressed value in one call: libntfs-3g compresses its blocks as they are completed.
        piece = len(data) if whole else _PIECE

        def transfer(opened: int) -> None:
            buffer = (ctypes.c_char * len(data)).from_buffer_copy(data)
            address = ctypes.addressof(buffer)
            done, most = 0, piece
            while done < len(data):
                part = self.mount.call(
                    self._calls.ntfs_attr_pwrite,
                    opened,
                    offset + done,
                    min(most, len(data) - done),
                    address + done,
                    reads=len(data) // 512,
                )
                if part < 0 and ctypes.get_errno() == errno.ENOSPC and most > _LEAST and not whole:
                    most //= 4  # the free clusters may be in small fragments
                    continue
                if part <= 0:
                    raise self.mount.error("can't be written", self.path)
                done += part
            # Closing compresses the last block of a compressed value.
            self.mount.check(
                self.mount.call(self._calls.ntfs_attr_pclose, opened),
                "can't be written",
                self.path,
            )

        if not data:
            return
        try:
            self.with_attribute(records.DATA, name, transfer)
        except TreeError:
            # Free the clusters of the parts that were written before the volume was full.
            if attribute is not None and not whole:
                with suppress(TreeError):
                    self.truncate(name, attribute.size)
            raise

    def truncate(self, name: str, size: int) -> None:
        """Truncate or extend an existing data attribute."""
        self.with_attribute(
            records.DATA,
            name,
            lambda opened: self.mount.check(
                self.mount.call(self._calls.ntfs_attr_truncate, opened, size),
                "can't be resized",
                self.path,
            ),
        )

    def add_data(self, name: str) -> None:
        """Add an empty data attribute."""
        self.mount.check(
            self.mount.call(
                self._calls.ntfs_attr_add,
                self.pointer,
                records.DATA,
                self._name(name),
                _units(name),
                None,
                0,
            ),
            "can't be written",
            self.path,
        )

    def remove_data(self, name: str) -> None:
        """Remove a data attribute."""
        self.mount.check(
            self.mount.call(
                self._calls.ntfs_attr_remove,
                self.pointer,
                records.DATA,
                self._name(name),
                _units(name),
            ),
            "can't be written",
            self.path,
        )

    # What $STANDARD_INFORMATION holds

    @property
    def file_attributes(self) -> int:
        """FILE_ATTRIBUTE_* bits, DIRECTORY among them."""
        buffer = ctypes.c_uint32()
        self.mount.check(
            self._calls.ntfs_get_ntfs_attrib(self.pointer, ctypes.byref(buffer), 4),
            "can't be read",
            self.path,
        )
        return buffer.value

    @file_attributes.setter
    def file_attributes(self, value: int) -> None:
        buffer = ctypes.c_uint32(value)
        self.mount.check(
            self.mount.call(
                self._calls.ntfs_set_ntfs_attrib, self.pointer, ctypes.byref(buffer), 4, 0
            ),
            "can't be written",
            self.path,
        )

    @property
    def is_directory(self) -> bool:
        """Whether the file is a folder."""
        return bool(self.file_attributes & DIRECTORY)

    @property
    def times(self) -> tuple[int, int, int, int]:
        """Created, modified, accessed, record changed: 100 ns since 1601-01-01 UTC."""
        buffer = (ctypes.c_uint64 * 4)()
        self.mount.check(
            self._calls.ntfs_inode_get_times(self.pointer, ctypes.byref(buffer), 32),
            "can't be read",
            self.path,
        )
        return buffer[0], buffer[1], buffer[2], buffer[3]

    def set_times(self, created: int, modified: int, accessed: int) -> None:
        """Set three times in 100 ns since 1601-01-01 UTC; the record change time becomes now.

        Args:
            created: creation time.
            modified: modification time.
            accessed: access time.
        """
        buffer = (ctypes.c_uint64 * 3)(created, modified, accessed)
        self.mount.check(
            self.mount.call(
                self._calls.ntfs_inode_set_times, self.pointer, ctypes.byref(buffer), 24, 0
            ),
            "can't be written",
            self.path,
        )

    def touch(self, *, modified: bool = True) -> None:
        """Set the record change time and, with `modified`, the modification time to now."""
        self._calls.ntfs_inode_update_times(
            self.pointer, _TIMES_MODIFIED if modified else _TIMES_CHANGED
        )

    @property
    def security_id(self) -> int:
        """The number of the descriptor in $Secure; 0 if the record has the descriptor."""
        value = self.read(records.STANDARD_INFORMATION)
        return int(struct.unpack_from("<I", value, 52)[0]) if len(value) >= 72 else 0

    # Descriptor and reparse data

    def descriptor(self) -> bytes:
        """Return the self-relative security descriptor."""
        size = DESCRIPTOR_GUESS
        while size <= MAX_DESCRIPTOR:
            buffer = ctypes.create_string_buffer(size)
            needed = self.mount.call(
                self._calls.ntfs_get_ntfs_acl, self.mount.security, self.pointer, buffer, size
            )
            if needed <= 0:
                break
            if needed <= size:
                return buffer.raw[:needed]
            size = needed
        raise self.mount.error("has no readable security descriptor", self.path)

    def set_descriptor(self, descriptor: bytes) -> None:
        """Set the security descriptor, which is stored in $Secure and shared."""
        self.mount.check(
            self.mount.call(
                self._calls.ntfs_set_ntfs_acl,
                self.mount.security,
                self.pointer,
                descriptor,
                len(descriptor),
                0,
            ),
            "can't be given this security descriptor",
            self.path,
        )

    @property
    def reparse_tag(self) -> int:
        """IO_REPARSE_TAG_*, read from the attribute; 0 if the file is not a reparse point."""
        value = self.read(records.REPARSE_POINT, size=4)
        return int.from_bytes(value, "little") if len(value) == 4 else 0

    def set_reparse(self, data: bytes) -> None:
        """Set reparse data, which starts with tag and length."""
        self.mount.check(
            self.mount.call(
                self._calls.ntfs_set_ntfs_reparse_data, self.pointer, data, len(data), 0
            ),
            "can't become a reparse point",
            self.path,
        )

    def remove_reparse(self) -> None:
        """Remove the reparse data and its entry in the volume's reparse index."""
        self.mount.check(
            self.mount.call(self._calls.ntfs_remove_ntfs_reparse_data, self.pointer),
            "can't lose its reparse point",
            self.path,
        )


def _record_at(address: int) -> bytes:
    """Copy an attribute record from the library's copy of the file record.

    The library has checked that the attribute's length is within the record.
    """
    length = ctypes.c_uint32.from_address(address + 4).value
    return ctypes.string_at(address, min(length, MAX_RECORD))


def _units(name: str) -> int:
    """Count the UTF-16 code units of a name."""
    return len(records.encode_name(name)) // 2
