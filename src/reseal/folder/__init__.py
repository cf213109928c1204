"""A folder that holds a Windows tree: a mounted volume or an extracted one."""

from reseal.folder.folder import Folder
from reseal.folder.journal import InterruptedRunError, journal_of

__all__ = ["Folder", "InterruptedRunError", "journal_of"]
