"""The very files of an image, kept open: whatever else gets their names, they are what is written.

QEMU opens them again through the names of open descriptors in /proc/self/fd, which lead to the file and
not to the name it had (seen with QEMU 7.2: a file that `mv` puts in the image's place during a merge
stays as it is).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any, Self

from reseal.disk.block import state
from reseal.disk.chain import Link
from reseal.disk.device import DiskError
from reseal.disk.pour import named
from reseal.disk.qemu import file_node
from reseal.errors import ImageError


class Held:
    """The files that are written when an image is written, open for reading. A context.

    Attributes:
        numbers: their descriptors, for a program that inherits them.
    """

    def __init__(self, link: Link, path: Path, locked: tuple[int, int]) -> None:
        """Open the files.

        Args:
            link: the image.
            path: the image as the person named it, for messages.
            locked: the (device, inode) of the file that is locked and was checked.

        Raises:
            ImageError: another file is in its place.
        """
        self._path = path
        self._link = link
        self._files = tuple(link.own_files())
        self.numbers: tuple[int, ...] = ()
        self._shadow: Path | None = None
        try:
            for file in self._files:
                self.numbers += (os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK),)
            if self.numbers and self._identity(0) != locked:
                raise self._replaced()
            self._seen = self._look()
        except OSError as error:
            self.close()
            if isinstance(error, DiskError):
                raise
            raise DiskError(f"{path} can't be opened: {error.strerror}.") from error
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files. Closing twice is allowed."""
        for number in self.numbers:
            os.close(number)
        self.numbers = ()
        if self._shadow:
            shutil.rmtree(self._shadow, ignore_errors=True)
            self._shadow = None

    def file(self) -> Path:
        """Return the name of the image's first file that leads to nothing else."""
        return Path(named(self.numbers[0]))

    def blockdev(self) -> dict[str, Any]:
        """Describe the image to QEMU, its own files by their descriptors."""
        link = self._link
        node = link.blockdev()
        if link.extents:
            if shadow := self._shadowed():
                node["file"] = file_node(shadow)
        elif self.numbers:
            node["file"] = file_node(self.file())
        if link.data_file:
            node["data-file"] = file_node(Path(named(self.numbers[1])))
        return node

    def _shadowed(self) -> Path | None:
        """Return a descriptor file beside which QEMU finds the extents that are held.

        A VMDK's descriptor names its extents. They are found in a folder of links to the open files.
        None where a name leads out of the folder, so that only the files' own names work.
        """
        names = [PurePosixPath(name) for name in self._link.header.extents]
        if any(name.is_absolute() or ".." in name.parts for name in names):
            return None
        self._shadow = self._shadow or Path(tempfile.mkdtemp(prefix="reseal-"))
        places = [self._shadow / ".descriptor", *(self._shadow / name for name in names)]
        for place, number in zip(places, self.numbers, strict=True):
            place.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                place.symlink_to(named(number))
        return places[0]

    def sync(self) -> None:
        """Return when their content has reached stable storage."""
        for number in self.numbers:
            os.fsync(number)

    def _identity(self, which: int) -> tuple[int, int]:
        status = os.fstat(self.numbers[which])
        return status.st_dev, status.st_ino

    def _look(self) -> list[tuple[int, ...]]:
        # Without the device and the inode, which `is_current` compares.
        return [state(Path(named(number)))[2:] for number in self.numbers]

    def require_unchanged(self) -> None:
        """Raise ImageError where another program has written or replaced the image."""
        self.require_current()
        if self._look() != self._seen:
            raise ImageError(
                f"{self._path} was changed by another program during the run, so the run's"
                " changes no longer fit; nothing was written.",
                hint="Run reseal again when no other program uses the image.",
            )

    def require_current(self) -> None:
        """Raise ImageError where other files have the names now."""
        if not self.is_current():
            raise self._replaced()

    def is_current(self) -> bool:
        """Tell whether the files still have their names."""
        for which, file in enumerate(self._files):
            try:
                now = file.stat()
            except OSError:
                return False
            if (now.st_dev, now.st_ino) != self._identity(which):
                return False
        return True

    def _replaced(self) -> ImageError:
        return ImageError(
            f"{self._path} was replaced by another program during the run; nothing was written.",
            hint="Run reseal again when no other program uses the image.",
        )
