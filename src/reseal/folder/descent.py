"""Open folders by file descriptor, without following links."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from reseal.tree import EscapeError

#: How ntfs-3g and the kernel's ntfs3 show FILE_ATTRIBUTE_* bits, most significant byte first, and
#: the self-relative security descriptor.
ATTRIBUTES = "system.ntfs_attrib_be"
DESCRIPTOR = "system.ntfs_acl"

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def upper(name: str) -> str:
    """Return a name in the form in which names are compared: upper case, character by character.

    As in Windows' table, no character becomes two; `str.upper` turns ß into SS.
    """
    return "".join(
        raised if len(raised := character.upper()) == 1 else character for character in name
    )


@contextmanager
def opened_folder(root: int, names: Sequence[str]) -> Iterator[int]:
    """Open a folder below another one.

    Args:
        root: file descriptor of the folder to start from.
        names: the exact name of each folder on the way.

    Raises:
        EscapeError: one of them is a symbolic link.
        OSError: one of them is not a folder, or can't be opened.
    """
    current = os.dup(root)
    try:
        for depth, name in enumerate(names):
            below = _open_below(current, name, "\\".join(names[: depth + 1]))
            os.close(current)
            current = below
        yield current
    finally:
        os.close(current)


def _open_below(folder: int, name: str, path: str) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except OSError as error:
        if error.errno in {errno.ENOTDIR, errno.ELOOP} and is_link(folder, name):
            msg = f"{path} is a link, and may lead out of the folder."
            raise EscapeError(msg) from error
        raise


def names_in(folder: int) -> list[str]:
    """Return the names in an open folder, sorted."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries)


def is_link(folder: int, name: str) -> bool:
    """Whether an entry of an open folder is a symbolic link."""
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def open_file(folder: int, name: str, flags: int) -> int:
    """Open a regular file in an open folder, never a link, pipe or device.

    Args:
        folder: descriptor of the open folder.
        name: name of the file in it.
        flags: flags of `os.open`; those that refuse links and pipes are added.

    Raises:
        OSError: with EINVAL if it is not a regular file.
    """
    # Without O_NONBLOCK, opening a pipe would wait for its other end.
    opened = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise OSError(errno.EINVAL, "it is not a regular file")
    return opened


def open_for_writing(folder: int, name: str) -> int:
    """Open a regular file for writing, even if its mode forbids that and this user owns it."""
    try:
        return open_file(folder, name, os.O_RDWR)
    except PermissionError:
        opened = open_file(folder, name, os.O_RDONLY)
        mode = stat.S_IMODE(os.fstat(opened).st_mode)
        try:
            os.fchmod(opened, mode | stat.S_IWUSR)
            writable = open_file(folder, name, os.O_RDWR)
            os.fchmod(opened, mode)
        finally:
            os.close(opened)
        return writable


def write_all(opened: int, data: bytes, offset: int) -> None:
    """Write all of `data` at `offset` of an open file.

    Args:
        opened: descriptor of the file.
        data: the bytes.
        offset: byte offset in the file.
    """
    view = memoryview(data)
    while view:
        done = os.pwrite(opened, view, offset)
        view = view[done:]
        offset += done


def exists(folder: int, name: str) -> bool:
    """Whether an open folder has an entry of exactly this name."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def attributes(folder: int, name: str) -> int | None:
    """Return FILE_ATTRIBUTE_* bits; None if the file system is not a Windows one."""
    try:
        value = os.getxattr(_entry(folder, name), ATTRIBUTES, follow_symlinks=False)
    except OSError:
        return None
    return int.from_bytes(value, "big") if len(value) == 4 else None


def set_attributes(folder: int, name: str, value: int) -> None:
    """Set FILE_ATTRIBUTE_* bits on a Windows file system; OSError on others.

    Args:
        folder: descriptor of the open folder.
        name: name of the entry in it.
        value: all FILE_ATTRIBUTE_* bits of the entry.
    """
    os.setxattr(_entry(folder, name), ATTRIBUTES, value.to_bytes(4, "big"), follow_symlinks=False)


def set_descriptor(folder: int, name: str, descriptor: bytes) -> None:
    """Set a security descriptor on a Windows file system; OSError on others.

    Args:
        folder: descriptor of the open folder.
        name: name of the entry in it.
        descriptor: the security descriptor in its binary form.
    """
    os.setxattr(_entry(folder, name), DESCRIPTOR, descriptor, follow_symlinks=False)


def _entry(folder: int, name: str) -> str:
    # Calls for extended attributes can't start from an open folder.
    return f"/proc/self/fd/{folder}/{name}"
