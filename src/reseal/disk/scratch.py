"""The scratch folder, with the overlay and the journal of each block device that is being changed.

Each run on a device has a place of its own there, under a name that no other run uses: two devices may have
the same identity, such as a disk and its snapshot in a storage system. The journal of an interrupted run is
found by what it says of the device (`reseal.disk.torn`). Where a run has another folder than the default, a
link in the default one leads to its journal, so that every later command finds that, too.
"""

from __future__ import annotations

import contextlib
import os
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

from reseal.disk.locks import InUseError, Lock
from reseal.disk.sidecar import journal_path, overlay_path, sync_folder
from reseal.errors import UsageError, os_errors

#: The default folder of the superuser (documented: Filesystem Hierarchy Standard, /var/lib).
_OF_ROOT = Path("/var/lib/reseal")
#: File systems that a loss of power empties.
_IN_MEMORY = {"tmpfs", "ramfs"}
_OVERLAY, _DRAFT = ".reseal-overlay", ".reseal-journal.new"
_HINT = "Choose another with --scratch."


def state_folder() -> Path:
    """Return the default: `/var/lib/reseal`, or the user's folder (XDG Base Directory Specification)."""
    state = os.environ.get("XDG_STATE_HOME", "")
    if state.startswith("/"):
        return Path(state, "reseal")
    return _OF_ROOT if os.geteuid() == 0 else Path.home() / ".local/state/reseal"


def new_place(folder: Path, name: str) -> Path:
    """Return a new path in a scratch folder from which the names of a device's files are made.

    What killed runs left there is deleted.

    Args:
        folder: the folder, which is created.
        name: what identifies the device.

    Raises:
        UsageError: the folder can't be made, or other users may write to it.
    """
    with os_errors(_unusable(folder), UsageError, _HINT):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    require_private(folder)
    _clear(folder)
    return folder.resolve() / f"{name}-{uuid.uuid4().hex[:8]}"


def require_private(folder: Path) -> None:
    """Refuse a folder where others could forge changes that `resume` would write to a device.

    Raises:
        UsageError: other users may write to it.
    """
    with os_errors(_unusable(folder), UsageError, _HINT):
        status = folder.stat()
    if status.st_uid not in {0, os.geteuid()} or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        msg = f"{_unusable(folder)}: other users may write to it. Nothing was changed."
        raise UsageError(msg, "Choose a folder of your own with --scratch, or chmod go-w it.")


def _unusable(folder: Path) -> str:
    return f"the scratch folder {folder} can't be used"


def _clear(folder: Path) -> None:
    """Delete the overlays of runs that were killed before they had a journal."""
    with contextlib.suppress(OSError):  # the next run does it
        for name in sorted(os.listdir(folder)):  # noqa: PTH208
            file = folder / name
            if name.endswith(_OVERLAY) and not os.path.lexists(_journal_of(file)):
                lock = Lock(file)
                with contextlib.suppress(InUseError), contextlib.closing(lock):
                    lock.exclude(patience=0)
                    if not os.path.lexists(_journal_of(file)):
                        file.unlink(missing_ok=True)
            elif (
                name.endswith(_DRAFT)
                and not (folder / (name.removesuffix(_DRAFT) + _OVERLAY)).exists()
            ):
                file.unlink(missing_ok=True)


def _journal_of(overlay: Path) -> Path:
    return overlay.with_name(overlay.name.removesuffix(_OVERLAY) + ".reseal-journal")


def place_of(journal: Path) -> Path:
    """Return the place that a journal in a scratch folder belongs to."""
    return journal.with_name(journal.name.removeprefix(".").removesuffix(".reseal-journal"))


def folders(folder: Path) -> Iterator[Path]:
    """Yield the folders where the journals of devices may be: this one, and the default."""
    yield folder
    if folder != state_folder():
        yield state_folder()


def point_to(place: Path) -> None:
    """Let a link in the default folder lead to the journal of a place elsewhere."""
    usual = state_folder()
    if place.parent != usual.resolve():
        # Without the default folder, --scratch is the only way, and later commands need it again.
        with contextlib.suppress(OSError):
            usual.mkdir(mode=0o700, parents=True, exist_ok=True)
            (usual / journal_path(place).name).symlink_to(journal_path(place))
            sync_folder(usual)


def forget(place: Path) -> None:
    """Delete the overlay of a place, and the link to its journal, unless the journal is still there."""
    if os.path.lexists(journal_path(place)):
        return
    with contextlib.suppress(OSError):  # the next run takes them away
        overlay_path(place).unlink(missing_ok=True)
        link = state_folder() / journal_path(place).name
        if link.is_symlink():
            link.unlink()


def is_in_memory(folder: Path) -> bool:
    """Tell whether a loss of power empties a folder."""
    found, kind = -1, ""
    with Path("/proc/self/mountinfo").open(errors="replace") as file:
        for line in file:
            left, _, right = line.partition(" - ")
            where = left.split(" ")[4]
            if len(where) > found and folder.is_relative_to(where):
                found, kind = len(where), right.split(" ")[0]
    return kind in _IN_MEMORY
