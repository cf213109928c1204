"""The mark next to a golden image: a change of the image would break the thin images based on it.

Whatever command makes a thin image marks all images below it. The mark names the folders of the thin
images for people to read; nothing else follows from what it says.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from reseal.disk import block
from reseal.disk.device import DiskError
from reseal.disk.scratch import state_folder
from reseal.disk.sidecar import golden_path, sync_folder
from reseal.errors import os_errors

_VERSION = 1
_MAX_SIZE = 1 << 20
_SHOWN = 3
_WRITE_BITS = 0o222
#: How many pieces of an image its digest covers, and bytes of each.
_PIECES, _PIECE = 256, 64 << 10


def place_of(image: Path) -> Path:
    """Return the path next to which the mark of an image is: for a device, in the default scratch folder."""
    return state_folder() / block.key(image) if block.is_block(image) else image


def mark(image: Path, clones: Path) -> None:
    """Mark an image as golden and make its file read-only.

    Args:
        image: the image, resolved.
        clones: the folder of the clones, resolved.

    Raises:
        DiskError: the mark can't be written.
    """
    place = place_of(image)
    path = golden_path(place)
    folders = folders_of(place)
    shown = os.path.relpath(clones, image.parent) if place == image else str(clones)
    if shown not in folders:
        draft = path.with_name(path.name + ".new")
        with os_errors(
            f"{image} can't be marked as the golden image of thin clones",
            DiskError,
            "Make its folder writable, or make full images (clone --full, others without --thin).",
        ):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.unlink(missing_ok=True)
            fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                json.dump({"version": _VERSION, "clones": [*folders, shown]}, file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
            sync_folder(path.parent)
    mode = image.stat().st_mode
    if mode & _WRITE_BITS and place == image:
        with suppress(OSError):  # another user's file, which this user can't write, either
            image.chmod(mode & ~_WRITE_BITS & 0o7777)


def mark_base(image: Path, folder: Path) -> None:
    """Mark an image below a thin one, before the thin one has its name.

    Nothing is done where this user can change neither the image nor its folder: no command of
    theirs can change the image in place, either.

    Args:
        image: the image below, resolved.
        folder: of the thin image, resolved.

    Raises:
        DiskError: the mark can't be written.
    """
    if os.access(place_of(image).parent, os.W_OK) or os.access(image, os.W_OK):
        mark(image, folder)


def digest(files: Iterable[Path]) -> str:
    """Return a digest by which an image is known again: of the sizes of its files and of samples.

    It is not one of every byte, which takes a minute for a large image.

    Args:
        files: of the image.
    """
    found = hashlib.blake2b(digest_size=16)
    for file in files:
        with file.open("rb") as opened:
            size = opened.seek(0, os.SEEK_END)
            found.update(size.to_bytes(8, "little"))
            step = max(_PIECE, size // _PIECES)
            for offset in (*range(0, size, step), max(0, size - _PIECE)):
                found.update(os.pread(opened.fileno(), _PIECE, offset))
    return found.hexdigest()


def folders_of(image: Path) -> list[str]:
    """Return the folders with clones of an image, relative to its own; none where it is not marked."""
    try:
        number = os.open(golden_path(image), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(number, "rb") as file:
            if not stat.S_ISREG(os.fstat(number).st_mode):
                raise ValueError
            found = json.loads(file.read(_MAX_SIZE))
        return [str(one) for one in found["clones"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ["an unknown folder (its mark is damaged)"]


def proves(image: Path, folder: Path) -> bool:
    """Whether the mark of an image says that reseal made thin images of it in a folder.

    The mark lies next to the image, so what names the image as its backing file can't forge it.

    Args:
        image: the image below, resolved.
        folder: of the thin image, resolved.
    """
    with suppress(OSError, RuntimeError, ValueError):
        return any((image.parent / one).resolve() == folder for one in folders_of(image))
    return False


def refuse(path: Path, image: Path) -> None:
    """Raise DiskError where thin clones are based on an image.

    Args:
        path: the image, as the person named it.
        image: the same, resolved.
    """
    place = place_of(image)
    if not os.path.lexists(golden_path(place)):
        return
    folders = folders_of(place)
    named = ", ".join(folders[:_SHOWN]) + (" and others" if len(folders) > _SHOWN else "")
    own = shlex.quote(str(golden_path(place)))
    raise DiskError(
        f"{path} is the golden image of thin clones in {named}; a change of it would destroy them."
        " It was not changed.",
        hint="Name a new image with --output. When no clone needs it any more, delete"
        f" {own} and give yourself write permission.",
    )
