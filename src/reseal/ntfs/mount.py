"""A volume mounted by libntfs-3g, and its file records."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from reseal.errors import ImageError
from reseal.ntfs import library, records
from reseal.ntfs.callbacks import Callbacks
from reseal.ntfs.errors import VolumeError
from reseal.ntfs.inode import Inode
from reseal.tree import TreeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reseal.ntfs.cache import BlockCache

#: Result of a failed lookup.
_NO_REFERENCE = (1 << 64) - 1
#: Maximum length of a name in UTF-16 code units.
MAX_NAME = 255
#: Size reserved for struct SECURITY_CONTEXT; only the volume pointer at its start is used.
_SECURITY_CONTEXT_SIZE = 256

_REPAIR = (
    "Attach the image to a Windows and run `chkdsk /f` on the volume, or restore it from a backup."
)


class Mount:
    """An ntfs_volume of libntfs-3g over a block cache.

    Attributes:
        calls: the library's functions.
        name: name of the volume in messages.
        read_only: whether writing is refused.
        security: the address of a struct SECURITY_CONTEXT.
    """

    def __init__(self, cache: BlockCache, *, read_only: bool, name: str) -> None:
        self.library = library.load()
        self.calls = self.library.calls
        self.name = name
        self.read_only = read_only
        self._callbacks = Callbacks(cache, read_only=read_only)
        self._volume: int | None = None
        device = self.calls.ntfs_device_alloc(
            name.encode(errors="replace"), 0, ctypes.byref(self._callbacks.operations), None
        )
        flags = library.MOUNT_READ_ONLY if read_only else library.MOUNT_UNCHECKED
        try:
            self._volume = self.call(self.calls.ntfs_device_mount, device, flags)
            if not self._volume:
                reason = "; ".join(self.library.messages) or os.strerror(ctypes.get_errno())
                msg = f"{name} can't be opened: its file system is damaged ({reason})."
                raise VolumeError(msg, _REPAIR)
        except BaseException:
            if not self._volume:
                self.calls.ntfs_device_free(device)
            raise
        self._context = ctypes.create_string_buffer(_SECURITY_CONTEXT_SIZE)
        self.security = ctypes.addressof(self._context)
        ctypes.c_void_p.from_address(self.security).value = self._volume
        self.check(self.call(self.calls.ntfs_set_ignore_case, self._volume), "can't be opened", "")

    @property
    def volume(self) -> int:
        """The address of the ntfs_volume. Raises TreeError once it is closed."""
        if not self._volume:
            msg = f"{self.name} is closed."
            raise TreeError(msg)
        return self._volume

    def call(self, function: Callable[..., int], *arguments: object, reads: int = 0) -> int:
        """Call a library function; re-raise any exception from a callback.

        Args:
            function: the library function.
            arguments: its arguments.
            reads: device reads allowed beyond the usual limit.
        """
        self._callbacks.begin(reads)
        self.library.messages.clear()
        ctypes.set_errno(0)
        result = function(*arguments)
        if self._callbacks.failure is not None:
            failure, self._callbacks.failure = self._callbacks.failure, None
            raise failure
        return result

    def check(self, result: int, action: str, path: str) -> int:
        """Return the result of a library call; raise TreeError if it is negative.

        Args:
            result: the result.
            action: end of the error message, such as "can't be read".
            path: path of the file; empty for the volume.
        """
        if result < 0:
            raise self.error(action, path)
        return result

    def error(self, action: str, path: str) -> TreeError:
        """Build the error for the library call that just failed."""
        number = ctypes.get_errno()
        subject = f"{path} on {self.name}" if path else self.name
        reason = library.error_text(number)
        detail = ""
        if number in {errno.EIO, errno.EINVAL, 0} and self.library.messages:
            detail = f" ({self.library.messages[-1]})"
        return TreeError(f"{subject} {action}: {reason}{detail}.")

    @contextmanager
    def inode(self, reference: int, path: str) -> Iterator[Inode]:
        """Open a file record; write its changes when the context ends, also after an error."""
        pointer = self.call(self.calls.ntfs_inode_open, self.volume, reference)
        if not pointer:
            raise self.error("can't be opened", path)
        inode = Inode(self, pointer, path, reference & records.RECORD_MASK)
        try:
            yield inode
        except BaseException:
            inode.abandon()
            raise
        inode.close()

    def lookup(self, directory: Inode, name: str) -> int | None:
        """Return the file reference of a name in a directory, case-insensitively."""
        raw = records.encode_name(name)
        if not 0 < len(raw) <= 2 * MAX_NAME or b"\0\0" in (
            raw[i : i + 2] for i in range(0, len(raw), 2)
        ):
            return None
        reference = self.call(
            self.calls.ntfs_inode_lookup_by_name, directory.pointer, raw, len(raw) // 2
        )
        if reference == _NO_REFERENCE:
            if ctypes.get_errno() == errno.ENOENT:
                return None
            raise self.error("can't be searched", directory.path)
        return reference

    @contextmanager
    def new_inode(
        self, folder: Inode, path: str, name: bytes, *, is_directory: bool
    ) -> Iterator[Inode]:
        """Create a file or folder with its folder's descriptor, and open it; close the folder.

        Args:
            folder: the parent folder, which is closed.
            path: path of the new entry, for messages.
            name: its name, UTF-16LE.
            is_directory: whether to create a folder.

        Raises:
            TreeError: Windows does not accept the name, or the library failed.
        """
        length = len(name) // 2
        if not 0 < length <= MAX_NAME or self.calls.ntfs_forbidden_names(
            self.volume, name, length, 1
        ):
            msg = f"{path} on {self.name} can't be created: Windows does not accept this name."
            raise TreeError(msg)
        # With a security id the record gets the field for it. Without one, the library would store the
        # descriptor in the record, in the format of Windows NT 4.
        number = folder.security_id or self.call(
            self.calls.ntfs_inherited_id, self.security, folder.pointer, int(is_directory)
        )
        kind = stat.S_IFDIR if is_directory else stat.S_IFREG
        pointer = self.call(self.calls.ntfs_create, folder.pointer, number, name, length, kind)
        if not pointer:
            raise self.error("can't be created", path)
        inode = Inode(self, pointer, path)
        # Close the folder first, because closing the file opens all folders with a link to it.
        # (The library accepts one open folder, but closes it if it finds damage.)
        try:
            yield inode
            folder.touch()
            folder.close()
        except BaseException:
            folder.abandon()
            inode.abandon()
            raise
        inode.close()

    def link(self, folder: int, reference: int, name: str, path: str) -> None:
        """Add a hard link to a file.

        Args:
            folder: file reference of the folder.
            reference: file reference of the file.
            name: the new name.
            path: path of the new name, for messages.

        Raises:
            TreeError: Windows does not accept the name, or the library failed.
        """
        raw = records.encode_name(name)
        if not 0 < len(raw) // 2 <= MAX_NAME or self.calls.ntfs_forbidden_names(
            self.volume, raw, len(raw) // 2, 1
        ):
            msg = f"{path} on {self.name} can't be created: Windows does not accept this name."
            raise TreeError(msg)
        with self.inode(folder, path) as directory, self.inode(reference, path) as inode:
            self.check(
                self.call(
                    self.calls.ntfs_link, inode.pointer, directory.pointer, raw, len(raw) // 2
                ),
                "can't be created",
                path,
            )
            inode.touch(modified=False)
            directory.touch()
            # Close the folder first, as in `new_inode`.
            directory.close()

    def unlink(self, folder: int, reference: int, name: str, path: str) -> None:
        """Remove a hard link and its short name; removing the last one deletes the file.

        Args:
            folder: file reference of the folder.
            reference: file reference of the file.
            name: the name to remove.
            path: path of the name, for messages.

        Raises:
            TreeError: the library failed.
        """
        raw = records.encode_name(name)
        with self.inode(folder, path) as directory, self.inode(reference, path) as inode:
            # ntfs_delete closes both records, also if it fails.
            pointers = inode.release(), directory.release()
            self.check(
                self.call(self.calls.ntfs_delete, self.volume, None, *pointers, raw, len(raw) // 2),
                "can't be deleted",
                path,
            )

    def make_short(self, folder: int, reference: int, name: str) -> None:
        """Make a file's only name, which is an 8.3 name, its short name as well, if possible.

        Args:
            folder: file reference of the folder.
            reference: file reference of the file.
            name: the name.
        """
        with self.inode(folder, name) as directory, self.inode(reference, name) as inode:
            if len(inode.names()) == 1:
                # The library closes both records.
                pointers = inode.release(), directory.release()
                self.call(self.calls.ntfs_set_ntfs_dos_name, *pointers, name.encode(), len(name), 0)

    def abandon(self) -> None:
        """Unmount while another error is being raised."""
        with suppress(ImageError):
            self.close()

    def close(self) -> None:
        """Unmount. The caller flushes the cache."""
        if self._volume:
            volume, self._volume = self._volume, None
            self.check(self.call(self.calls.ntfs_umount, volume, 0), "can't be closed", "")
