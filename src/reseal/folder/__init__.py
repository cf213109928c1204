"""A folder that holds a Windows tree: a mounted volume or an extracted one."""

from reseal.folder.folder import Folder, lock
from reseal.folder.journal import UncleanFolderError, clear_place, is_committed, make_place
from reseal.folder.mark import InterruptedRunError, is_active, journal_of, was_interrupted

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
    "was_interrupted",
]
