"""A folder that holds a Windows tree: a mounted volume or an extracted one."""

from reseal.folder.folder import Folder, lock
from reseal.folder.journal import (
    InterruptedRunError,
    UncleanFolderError,
    clear_place,
    is_active,
    is_committed,
    journal_of,
    make_place,
)

__all__ = [
    "Folder",
    "InterruptedRunError",
    "UncleanFolderError",
    "clear_place",
    "is_active",
    "is_committed",
    "journal_of",
    "lock",
    "make_place",
]
