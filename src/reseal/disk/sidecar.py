"""The hidden files that reseal keeps while it works on an image.

Those of a file are next to it. Those of a block device or a network disk are in a scratch folder, next to
a place there (`reseal.disk.scratch`) that no file has.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
from pathlib import Path

_MAX_NAME = 255  # bytes of a file name, on every usual file system


def overlay_path(image: Path) -> Path:
    """The qcow2 that takes what a run writes, until it is merged or thrown away."""
    return _beside(image, "overlay")


def journal_path(image: Path) -> Path:
    """The note that a merge into the image has begun and is to be finished."""
    return _beside(image, "journal")


def partial_path(output: Path) -> Path:
    """A new image that is still being written."""
    return _beside(output, "partial")


def golden_path(image: Path) -> Path:
    """The mark that thin images are based on the image, so that it must not change."""
    return _beside(image, "golden")


def lock_path(image: Path) -> Path:
    """The note of who writes the image, on a file system without locks."""
    return _beside(image, "lock")


def _beside(path: Path, kind: str) -> Path:
    name = f".{path.name}.reseal-{kind}"
    if len(os.fsencode(name)) > _MAX_NAME:
        digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:32]
        name = f".{digest}.reseal-{kind}"
    return path.with_name(name)


def sync_file(path: Path) -> None:
    """Return when the content of a file has reached stable storage."""
    _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Return when the names in a folder have reached stable storage."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def sync_file_system(path: Path) -> None:
    """Return when everything on the file system of a folder has reached stable storage."""
    opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(opened):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(opened)


def _sync(path: Path, flags: int) -> None:
    fd = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
