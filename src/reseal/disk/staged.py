"""Changes that wait in an overlay; `merge` and `output` say what becomes of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from reseal.disk.block import state
from reseal.disk.device import DiskError
from reseal.disk.image import Image
from reseal.errors import ImageError


class Staged(Protocol):
    """Changes to an image that are not yet committed.

    Attributes:
        overlay: the qcow2 over the image that takes the changes.
    """

    overlay: Path

    def commit(self, facts: Mapping[str, Any] | None = None) -> None:
        """Commit the changes. The overlay must no longer be served.

        Args:
            facts: about the machine in the image; only a new image may need them.
        """
        ...

    def discard(self) -> None:
        """Throw the changes away. After a commit this does nothing."""
        ...


class Appearance:
    """The state of an image's files, to detect writes by other programs."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._seen = self._look()

    def _look(self) -> list[tuple[int, ...]]:
        return [state(file) for file in self._image.link.own_files()]

    def require_unchanged(self) -> None:
        """Raise ImageError if another program has written the image."""
        if self._look() != self._seen:
            raise ImageError(
                f"{self._image.path} was changed by another program during the run, so the run's"
                " changes no longer fit; nothing was written.",
                hint="Run reseal again when no other program uses the image.",
            )


def require_space(folder: Path, needed: int, purpose: str, hint: str) -> None:
    """Raise DiskError unless `needed` bytes are free on the file system of `folder`.

    Args:
        folder: the folder that will hold the data.
        needed: number of bytes.
        purpose: what needs the space, as the subject of the error.
        hint: what the person can do, a whole sentence.
    """
    status = os.statvfs(folder)
    free = status.f_bavail * status.f_frsize
    if free < needed:
        raise DiskError(
            f"{purpose} may need {-(-needed >> 20)} MiB, and {folder} has {free >> 20} MiB free;"
            " the image was not changed.",
            hint=hint,
        )
