"""The undo log of a folder.

The journal is a folder next to the changed one. It is active while it contains `log` or `commit`. Before
each change, a line in `log` reaches stable storage; before that line, the old content of a file does, in a
file of its own. Undoing reads the lines backward and removes each one after its step. A step may be
repeated, so the process may be killed in the middle of a change or of its undoing.

Files are not deleted but moved into a folder in the tree's root, because only a rename can restore a file
with its number, its other names and its streams. They are deleted when the changes are committed. That folder
also names the journal: a folder that was moved or copied in the middle of a run is known by it. A file
`commit` in the journal marks that; from then on, nothing is undone. A worker leaves its changes in the
journal and its parent commits them, so that the parent knows which of the two happened.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import re
import shutil
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from reseal.disk.sidecar import sync_folder
from reseal.errors import ImageError, os_errors
from reseal.folder.descent import (
    exists,
    names_in,
    open_for_writing,
    opened_folder,
    set_attributes,
    write_all,
)
from reseal.folder.mark import COMMIT, DELETED, LOG, MARK, is_active, mark

_COPY = re.compile(r"[0-9]+\.data")
_PART = 1 << 20


class UncleanFolderError(ImageError):
    """All changes are kept, but the journal or what it moved away could not be deleted."""

    image_changed = True


def is_committed(path: Path) -> bool:
    """Whether a journal's changes are kept: from then on it can only be completed."""
    return os.path.lexists(path / COMMIT)


def make_place(path: Path) -> None:
    """Create a journal's folder on stable storage, for a worker that can't write its parent."""
    path.mkdir(mode=0o700, exist_ok=True)
    sync_folder(path.parent)


def clear_place(path: Path) -> None:
    """Delete the folder of a finished journal; an active one stays."""
    if not is_active(path):
        shutil.rmtree(path, ignore_errors=True)


class Journal:
    """The undo log of a folder that is being changed; created with the first change."""

    def __init__(self, path: Path, root: int) -> None:
        self.path = path
        self._root = root
        self._log = -1
        self._count = 0
        self._saved: set[tuple[int, int]] = set()

    @property
    def started(self) -> bool:
        """Whether anything was changed."""
        return self._log >= 0

    def record(self, *lines: dict[str, Any]) -> None:
        """Append lines to the log; they are on stable storage when this returns."""
        self.start()
        raw = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        before = os.fstat(self._log).st_size
        if os.write(self._log, raw) != len(raw):
            # Only the last line may be incomplete.
            os.ftruncate(self._log, before)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fdatasync(self._log)

    def number(self) -> int:
        """Return an unused number in this journal."""
        self._count += 1
        return self._count

    def forget(self, opened: int) -> None:
        """Treat a file as saved, because it did not exist before."""
        found = os.fstat(opened)
        self._saved.add((found.st_dev, found.st_ino))

    def save_file(self, opened: int, names: Sequence[str]) -> None:
        """Save a file before its first change: content, mode, times."""
        found = os.fstat(opened)
        if (found.st_dev, found.st_ino) in self._saved:
            return
        self.start()
        copy = f"{self.number()}.data"
        _copy(opened, self.path / copy)
        sync_folder(self.path)
        self.record({"op": "file", "names": list(names), "copy": copy, **_times(found)})
        self._saved.add((found.st_dev, found.st_ino))

    def folder_lines(self, opened: int, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return the data to record of a folder before its first change: its times."""
        found = os.fstat(opened)
        if (found.st_dev, found.st_ino) in self._saved:
            return []
        self._saved.add((found.st_dev, found.st_ino))
        return [{"op": "folder", "names": list(names), **_times(found)}]

    def commit(self) -> None:
        """Keep the changes, as `commit` does."""
        if self.started:
            commit(self.path, self._root)
            self.close()

    def close(self) -> None:
        """Close the log; the journal stays."""
        if self.started:
            os.close(self._log)
            self._log = -1

    def start(self) -> None:
        """Create the journal and name it in the folder, before the first change."""
        if self.started:
            return
        shutil.rmtree(_retired(self.path), ignore_errors=True)  # left by older versions
        self.path.mkdir(mode=0o700, exist_ok=True)
        _empty(self.path)  # left by a run that was killed after its journal was finished
        self._log = os.open(
            self.path / LOG, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        )
        sync_folder(self.path)
        with suppress(PermissionError):  # in a worker: `make_place` has created it
            sync_folder(self.path.parent)
        # From here on, the folder is known to be in the middle of a run, wherever it is moved.
        self.record(
            {"op": "folder", "names": [], **_times(os.fstat(self._root))},
            *({"op": "created", "names": one, "folder": len(one) == 1} for one in MARK),
        )
        mark(self._root, self.path)


def commit(path: Path, root: int) -> None:
    """Keep the changes in a journal: mark it, then delete what was moved away, and the journal.

    Args:
        path: the journal.
        root: file descriptor of the folder.

    Raises:
        OSError: the journal is not marked; its changes can be undone.
        UncleanFolderError: it is marked, but something could not be deleted.
    """
    marked = False
    try:
        _sync_file_system(root)
        # A worker that an image has taken over may have put a link there.
        os.close(os.open(path / COMMIT, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        marked = True
        sync_folder(path)
        _finish(path, root)
    except (OSError, KeyboardInterrupt) as error:
        if not (marked or is_committed(path)):
            raise
        why = error.strerror if isinstance(error, OSError) else "stopped by the user"
        raise UncleanFolderError(
            f"The run is done and its changes are kept, but its journal {path} can't be removed: {why}.",
            hint="Fix the cause, then run reseal resume on the folder.",
        ) from error


def finish(path: Path, root: int) -> bool:
    """Undo the changes in a journal, or complete them if they were committed.

    Args:
        path: the journal.
        root: file descriptor of the folder.

    Returns:
        Whether the changes were kept; False if they were undone.

    Raises:
        ImageError: the journal is damaged, or a step fails; the journal stays.
    """
    if path.is_symlink():
        raise ImageError(f"The journal {path} is a link. Nothing was touched.")
    with os_errors(
        f"The changes in the journal {path} can't be finished",
        ImageError,
        "The journal stays. Fix the cause, then run reseal resume on the folder.",
    ):
        return _finish(path, root)


def _finish(path: Path, root: int) -> bool:
    committed = is_committed(path)
    if committed:
        _empty_deleted(root)
    elif os.path.lexists(path / LOG):
        with _opened(path / LOG, os.O_RDWR) as log:
            _undo_all(path, root, log)
    _sync_file_system(root)
    # Order matters: without its log, a journal has nothing to undo, and committed changes stay committed.
    (path / LOG).unlink(missing_ok=True)
    sync_folder(path)
    (path / COMMIT).unlink(missing_ok=True)
    with suppress(OSError):  # a mark that comes back after a power failure is completed again
        sync_folder(path)
    _empty(path)
    with suppress(OSError):  # a worker can't delete it; its parent does
        path.rmdir()
    return committed


def _empty(path: Path) -> None:
    """Delete the files of a finished journal."""
    with suppress(OSError):
        for one in path.iterdir():
            one.unlink()


def _undo_all(path: Path, root: int, log: BinaryIO) -> None:
    raw = log.read()
    # Text after the last line end is incomplete: its change was not made.
    end = raw.rfind(b"\n") + 1
    while end:
        start = raw.rfind(b"\n", 0, end - 1) + 1
        try:
            line = _checked(json.loads(raw[start:end]))
            _UNDO[line["op"]](path, root, line)
        except OSError as error:
            subject = "\\".join(line["names"])
            msg = f"{subject} can't be restored from {path}: {error}."
            raise ImageError(msg) from error
        except (ValueError, LookupError, TypeError, RecursionError, OverflowError) as error:
            msg = f"The journal {path} is damaged."
            raise ImageError(msg) from error
        log.truncate(start)
        os.fdatasync(log.fileno())
        end = start


def _checked(line: Any) -> dict[str, Any]:
    """Return a line of the log whose paths stay inside the folder, even if the log was forged.

    Raises:
        ValueError, LookupError, TypeError: the line is invalid.
    """
    for names in (line["names"], line.get("to", [])):
        if not isinstance(names, list):
            raise TypeError(names)
        for name in names:
            if name in {"", ".", ".."} or "/" in name or "\0" in name:
                raise ValueError(name)
    if line["op"] in {"file", "created", "moved"} and not line["names"]:
        raise ValueError(line)
    if line["op"] == "moved" and not line["to"]:
        raise ValueError(line)
    if line["op"] == "file" and not _COPY.fullmatch(line["copy"]):
        raise ValueError(line)
    checked: dict[str, Any] = line
    return checked


def _opened(path: Path, flags: int) -> BinaryIO:
    """Open a regular file of the journal without following links."""
    opened = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return os.fdopen(opened, "r+b" if flags & os.O_RDWR else "rb")


def _undo_file(path: Path, root: int, line: dict[str, Any]) -> None:
    *folders, name = line["names"]
    with opened_folder(root, folders) as folder:
        opened = open_for_writing(folder, name)
        try:
            size = 0
            with _opened(path / line["copy"], os.O_RDONLY) as copy:
                while part := copy.read(_PART):
                    write_all(opened, part, size)
                    size += len(part)
            os.ftruncate(opened, size)
            os.fchmod(opened, line["mode"])
            os.utime(opened, ns=(line["accessed"], line["modified"]))
            os.fsync(opened)
        finally:
            os.close(opened)


def _undo_folder(_path: Path, root: int, line: dict[str, Any]) -> None:
    with opened_folder(root, line["names"]) as folder:
        os.utime(folder, ns=(line["accessed"], line["modified"]))
        os.fsync(folder)


def _undo_created(_path: Path, root: int, line: dict[str, Any]) -> None:
    *folders, name = line["names"]
    remove = os.rmdir if line["folder"] else os.unlink
    with suppress(FileNotFoundError), opened_folder(root, folders) as folder:
        remove(name, dir_fd=folder)
        os.fsync(folder)


def _undo_moved(_path: Path, root: int, line: dict[str, Any]) -> None:
    *old_folders, old = line["names"]
    *new_folders, new = line["to"]
    with opened_folder(root, old_folders) as target:
        if exists(target, old):
            # It was never moved, or has already been moved back.
            return
        with opened_folder(root, new_folders) as source:
            os.rename(new, old, src_dir_fd=source, dst_dir_fd=target)
            os.fsync(source)
        os.fsync(target)


def _undo_attributes(_path: Path, root: int, line: dict[str, Any]) -> None:
    *folders, name = line["names"]
    with opened_folder(root, folders) as folder:
        attributes = line["attributes"]
        if type(attributes) is not int:  # the journal may have come with the folder
            raise TypeError
        set_attributes(folder, name, attributes)


_UNDO = {
    "file": _undo_file,
    "folder": _undo_folder,
    "created": _undo_created,
    "moved": _undo_moved,
    "attributes": _undo_attributes,
}


def _empty_deleted(root: int) -> None:
    with suppress(FileNotFoundError), opened_folder(root, [DELETED]) as deleted:
        for name in names_in(deleted):
            found = os.stat(name, dir_fd=deleted, follow_symlinks=False)
            remove = os.rmdir if stat.S_ISDIR(found.st_mode) else os.unlink
            remove(name, dir_fd=deleted)
    with suppress(FileNotFoundError):
        os.rmdir(DELETED, dir_fd=root)


def _times(found: os.stat_result) -> dict[str, int]:
    return {
        "mode": stat.S_IMODE(found.st_mode),
        "accessed": found.st_atime_ns,
        "modified": found.st_mtime_ns,
    }


def _copy(opened: int, target: Path) -> None:
    with target.open("wb") as copy:
        offset = 0
        while part := os.pread(opened, _PART, offset):
            copy.write(part)
            offset += len(part)
        copy.flush()
        os.fsync(copy.fileno())


def _retired(path: Path) -> Path:
    """Return the path of a finished journal that waits for deletion."""
    return path.with_name(f"{path.name}~")


def _sync_file_system(opened: int) -> None:
    if ctypes.CDLL(None, use_errno=True).syncfs(opened):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
