"""File names on NTFS."""

from __future__ import annotations

import re

from reseal.ntfs import records
from reseal.ntfs.inode import Inode

#: A name of at most 8 characters and an extension of 3 needs no separate short name (documented,
#: "Naming Files, Paths, and Namespaces").
_SHORT = re.compile(r"[A-Za-z0-9!#$%&'()@^_`{}~-]{1,8}(\.[A-Za-z0-9!#$%&'()@^_`{}~-]{1,3})?")


def split(path: str) -> list[str]:
    """Return the parts of a path, none for the root."""
    return [part for part in path.split("\\") if part]


def is_short(name: str) -> bool:
    """Whether a long name is also a valid short name."""
    return bool(_SHORT.fullmatch(name))


def stored(inode: Inode, folder: int, name: str) -> str:
    """Return the long name of a file as stored in the file system.

    Args:
        inode: the file.
        folder: file reference of the folder in which it was found.
        name: the name that was looked up, long or short, in any case.
    """
    found = ""
    for candidate in inode.names():
        same_folder = (candidate.parent ^ folder) & records.RECORD_MASK == 0
        if same_folder and candidate.namespace != records.NAME_DOS:
            if candidate.name.upper() == name.upper():
                return candidate.name
            found = found or candidate.name
    return found or name
