"""Files of this computer that a person names: opened if they are regular, and replaced as a whole.

To open a pipe would wait for a writer that never comes, and a device may have no end. A file that takes the
place of another keeps what that one carried: owner, group, mode, access list, extended attributes.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from io import BufferedReader
from pathlib import Path, PosixPath
from typing import Self

from reseal.interruption import uninterrupted

#: The network disks that reseal opens; QEMU knows others, such as http, which it can't write.
_SCHEMES = ("nbd://", "nbd+unix://", "ssh://")


class NetworkPath(PosixPath):
    """A disk on a server, as QEMU writes it: `nbd://HOST/EXPORT`, `nbd+unix:///EXPORT?socket=PATH`, `ssh://…`.

    It passes wherever an image is named, and no file has it: a plain path would lose one of the slashes.
    """

    url = ""

    def __new__(cls, url: str, *more: str) -> Self:
        """Create the path of a URL; pathlib also makes paths of its parts with this."""
        self = super().__new__(cls, url, *more)
        self.url = url if cls.is_url(url) and not more else ""
        return self

    def __str__(self) -> str:
        return self.url or super().__str__()

    @staticmethod
    def is_url(text: str) -> bool:
        """Tell whether a text is the URL of such a disk."""
        return text.startswith(_SCHEMES)


def disk_path(name: str | os.PathLike[str], folder: Path = Path()) -> Path:
    """Return the path of a disk that was named by a path or by the URL of a network disk.

    Args:
        name: the path or the URL.
        folder: where a relative path starts.
    """
    text = os.fspath(name)
    return NetworkPath(text) if NetworkPath.is_url(text) else folder / text


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading.

    Raises:
        OSError: it can't be opened, or is a folder, a pipe, a socket or a device.
    """
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        mode = os.fstat(number).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise


def read_regular(path: Path) -> bytes:
    """Return the content of a regular file. Raises as `open_regular` does."""
    with open_regular(path) as file:
        return file.read()


def keep_attributes(old: Path, new: int) -> None:
    """Give a new file what the file that it is to replace carries.

    An owner or group that this user may not give is left out, and with a group its permissions: the
    new file is never open to more people than the old one.

    Args:
        old: the file that is to be replaced; nothing is done where it does not exist.
        new: the descriptor of the new file.

    Raises:
        OSError: the mode can't be set.
    """
    try:
        status = old.stat()
    except FileNotFoundError:
        return
    mode = stat.S_IMODE(status.st_mode)
    own = os.fstat(new)
    if own.st_uid != status.st_uid:
        with suppress(OSError):
            os.fchown(new, status.st_uid, -1)
    if own.st_gid != status.st_gid:
        try:
            os.fchown(new, -1, status.st_gid)
        except OSError:
            mode &= ~(stat.S_IRWXG | stat.S_ISGID)
    if os.fstat(new).st_uid != status.st_uid:
        mode &= ~stat.S_ISUID
    with suppress(OSError):  # a file system without them
        for name in os.listxattr(old):
            if name == "system.posix_acl_access" and not mode & stat.S_IRWXG:
                continue  # the group's bits are its mask
            with suppress(OSError):
                os.setxattr(new, name, os.getxattr(old, name))
    # Last: an access list and a change of owner change the mode.
    os.fchmod(new, mode)


def replace_file(path: Path, data: bytes | bytearray) -> None:
    """Replace a file as a whole, on stable storage, or create one that only its owner can read.

    Args:
        path: the file; a symbolic link stays one.
        data: the new content.

    Raises:
        OSError: the file can't be written, is not a regular one, or has other names, which would keep the
            old content. It is unchanged.
    """
    import tempfile  # noqa: PLC0415  it takes long to load

    target = path.resolve()
    with suppress(FileNotFoundError):
        status = target.stat()
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        if status.st_nlink > 1:
            raise OSError(errno.EMLINK, "it has several names (hard links)", str(path))
    draft = None
    try:
        with uninterrupted():
            number, name = tempfile.mkstemp(prefix=f".{target.name[:200]}.", dir=target.parent)
            draft = target.with_name(os.path.basename(name))  # noqa: PTH119  of a Path's own folder
        with os.fdopen(number, "wb") as file:
            file.write(data)
            file.flush()
            keep_attributes(target, number)
            os.fsync(number)
        with uninterrupted():
            draft.replace(target)
            draft = None
        with suppress(OSError):  # it is replaced; at worst a loss of power brings the old one back
            _sync_folder(target.parent)
    finally:
        if draft is not None:
            with suppress(OSError):
                draft.unlink()


def _sync_folder(path: Path) -> None:
    number = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)
