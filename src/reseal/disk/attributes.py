"""Modes of new images, and files that must not be replaced.

`reseal.hostfile` keeps what a replaced file carried.
"""

from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path

from reseal.disk.device import DiskError
from reseal.hostfile import NetworkPath

#: What a new file that replaces none is allowed to be in addition to its source's mode.
_OWN = stat.S_IRUSR | stat.S_IWUSR


def mode_of_new(source: Path) -> int:
    """Return the mode of a new image that is made of another, which may be read-only."""
    if isinstance(source, NetworkPath):
        return _OWN
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
