"""What a file carries besides its content: owner, group, mode, access list, extended attributes.

A file that takes the place of another keeps what that one had.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from reseal.disk.device import DiskError

#: What a new file that replaces none is allowed to be in addition to its source's mode.
_OWN = stat.S_IRUSR | stat.S_IWUSR


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


def mode_of_new(source: Path) -> int:
    """Return the mode of a new image that is made of another, which may be read-only."""
    return stat.S_IMODE(source.stat().st_mode) & 0o777 | _OWN


def require_one_name(path: Path, shown: Path) -> None:
    """Refuse to replace a file that has other names, which would keep the old content.

    Args:
        path: the file; nothing is done where it does not exist.
        shown: as the person named it.

    Raises:
        DiskError: it has several names.
    """
    with suppress(FileNotFoundError):
        if path.stat().st_nlink > 1:
            msg = (
                f"{shown} has several names (hard links), and only one of them would get the new content."
                " It was not changed."
            )
            raise DiskError(msg, hint="Name a new file with --output, or copy the file first.")
