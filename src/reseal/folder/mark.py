"""How an interrupted run on a folder is recognized, even if the folder was renamed, moved or copied since.

The journal is next to the folder. A folder in the tree's root, which also holds what the run deletes, names
the journal.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from reseal.disk.sidecar import sync_folder
from reseal.errors import ImageError
from reseal.folder.descent import exists, open_file, opened_folder, write_all

#: The folder in the tree's root that holds what was deleted until the changes are committed.
DELETED = ".reseal-deleted"
#: The file in it that holds the path of the journal.
_NAMES_JOURNAL = "journal"
#: What `mark` creates.
MARK = ([DELETED], [DELETED, _NAMES_JOURNAL])
_SUFFIX = ".reseal-journal"
_MAX_MARK = 16 << 10

#: A journal with one of these files has something to undo or to complete.
LOG = "log"
COMMIT = "commit"


class InterruptedRunError(ImageError):
    """An earlier run on the folder was interrupted and must be undone first."""


def journal_of(folder: Path) -> Path:
    """Return the path of a folder's journal, which is next to it."""
    return folder.with_name(f".{folder.name}{_SUFFIX}")


def is_active(path: Path) -> bool:
    """Whether a journal has anything to undo or to complete, or was not made by reseal."""
    if path.is_symlink() or (os.path.lexists(path) and not path.is_dir()):
        return True
    return os.path.lexists(path / LOG) or os.path.lexists(path / COMMIT)


def was_interrupted(folder: Path) -> bool:
    """Whether a run on a folder was interrupted, even if the folder was moved since."""
    return is_active(journal_of(folder)) or os.path.lexists(folder / DELETED)


def mark(root: int, journal: Path) -> None:
    """Name a journal in a folder, on stable storage.

    Args:
        root: file descriptor of the folder.
        journal: the journal.
    """
    os.mkdir(DELETED, 0o700, dir_fd=root)
    with opened_folder(root, [DELETED]) as folder:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        opened = os.open(_NAMES_JOURNAL, flags, 0o600, dir_fd=folder)
        try:
            facts = {"journal": str(journal), "inode": os.fstat(root).st_ino}
            write_all(opened, json.dumps(facts).encode(), 0)
            os.fsync(opened)
        finally:
            os.close(opened)
        os.fsync(folder)
    os.fsync(root)


def check_absent(path: Path, folder: Path, root: int) -> None:
    """Raise InterruptedRunError if an earlier run was interrupted, even if the folder was moved since.

    Args:
        path: the journal.
        folder: the folder, for the message.
        root: its file descriptor.
    """
    resume = f"Undo or complete it first: reseal resume {folder}"
    if is_active(path):
        msg = f"An earlier run on {folder} was interrupted; its journal is {path}."
        raise InterruptedRunError(msg, resume)
    if exists(root, DELETED):
        error = _moved(folder, root)
        if _adoptable(folder.resolve(), root):
            error.hint = resume
        raise error


def _moved(folder: Path, root: int) -> InterruptedRunError:
    found = _read(root)
    where = f"; its journal is {found[0]}" if found else ""
    return InterruptedRunError(
        f"An earlier run on {folder} was interrupted, and the folder was moved or copied since{where}.",
        "Give the original folder its old name and place, and run reseal resume on it. Delete copies.",
    )


def _adoptable(folder: Path, root: int) -> Path | None:
    """Return the journal of a folder that was renamed; None if it was moved or copied.

    A copy may lack hard links, so that not everything can be undone in it.
    """
    found = _read(root)
    if found is None or found[1] != os.fstat(root).st_ino:
        return None
    journal = found[0]
    name = journal.name.removeprefix(".").removesuffix(_SUFFIX)
    if name in {"", ".", ".."}:
        return None
    original = folder.with_name(name)
    if journal_of(original) != journal or os.path.lexists(original) or journal.is_symlink():
        return None
    return journal if is_active(journal) else None


def _read(root: int) -> tuple[Path, int] | None:
    """Return the journal that an interrupted run has named in a folder, and the folder's inode then."""
    try:
        with opened_folder(root, [DELETED]) as folder:
            number = open_file(folder, _NAMES_JOURNAL, os.O_RDONLY)
            with os.fdopen(number, "rb") as file:
                found = json.loads(file.read(_MAX_MARK))
        return Path(found["journal"]), int(found["inode"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError, OverflowError):
        return None


def adopt(path: Path, folder: Path, root: int) -> None:
    """Give the journal of a folder that was renamed the folder's new name.

    Args:
        path: the journal for the new name.
        folder: the folder.
        root: its file descriptor.

    Raises:
        InterruptedRunError: the journal is not next to it, or the folder is a copy.
    """
    old = _adoptable(folder, root)
    if old is None:
        raise _moved(folder, root)
    with suppress(OSError):  # an empty place of a run that was killed
        path.rmdir()
    old.rename(path)
    sync_folder(path.parent)
