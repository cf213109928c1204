"""Merging an overlay into its image, in place, and finishing a merge that was interrupted."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.disk import formats
from reseal.disk.chain import Link, open_chain
from reseal.disk.device import DiskError
from reseal.disk.image import refuse_interrupted, resolve
from reseal.disk.journal import Journal, remove_journal
from reseal.disk.locks import Lock, kept_by_qemu, written_by_qemu
from reseal.disk.overlay import create_overlay, json_name, overlay_name
from reseal.disk.sidecar import overlay_path, sync_file
from reseal.disk.staged import Appearance, require_space
from reseal.errors import ImageError
from reseal.process import run_tool

if TYPE_CHECKING:
    from pathlib import Path

    from reseal.disk.image import Image

#: How long `resume` waits for a qemu-img that is still dying, in seconds.
_DYING = 60.0

#: What a merge may add to the image beside the overlay's own size: the tables of its container.
_SPARE = 8 << 20


class InPlace:
    """Changes that are to be merged into the image."""

    def __init__(self, image: Image) -> None:
        self._image = image
        _require_writable(image)
        image.lock.exclude()
        refuse_interrupted(image.path, image.file)
        self._require_unused()
        self._appearance = Appearance(image)
        self.overlay = overlay_path(image.file)
        self.overlay.unlink(missing_ok=True)  # of a run that was killed before its merge
        create_overlay(self.overlay, image.link)

    def commit(self) -> None:
        """Merge the changes into the image."""
        self._appearance.require_unchanged()
        self._require_unused()
        sync_file(self.overlay)
        _require_space(self._image, self.overlay)
        header, status = self._image.link.header, self._image.file.stat()
        journal = Journal(header.format, header.size, status.st_size, status.st_mtime_ns)
        journal.write(self._image.file)
        _merge(self._image.path, self._image.link, self.overlay)
        self.discard()

    def discard(self) -> None:
        """Delete the overlay, unless a merge has begun that needs it."""
        if Journal.read(self._image.file) is None:
            self.overlay.unlink(missing_ok=True)

    def _require_unused(self) -> None:
        if any(kept_by_qemu(file) for file in self._image.link.own_files()):
            raise ImageError(
                f"{self._image.path} is in use by another program of QEMU's.",
                hint="Shut down the machine that uses it, or the machines that are based on it.",
            )


@dataclass(frozen=True, slots=True)
class Resumed:
    """A merge that was finished.

    Attributes:
        image: the image, which is complete now.
        merged: bytes that the overlay held.
    """

    image: Path
    merged: int


def resume(path: Path, *, allow_backing: bool = False) -> Resumed:
    """Finish a merge that was interrupted, as often as it takes.

    Args:
        path: the image.
        allow_backing: take backing files that are not in the image's own folder, too.

    Raises:
        ImageError: there is nothing to finish, or the image or the changes are not those with which
            the merge began.
        DiskError: there is no space; free some and resume again.
    """
    file = resolve(path)
    lock = Lock(file)
    try:
        lock.exclude()
        journal = Journal.read(file)
        if journal is None:
            raise ImageError(
                f"no interrupted run was found beside {path}: there is nothing to resume."
            )
        overlay = overlay_path(file)
        _wait_for_qemu(path, file)
        link = _reopen(path, file, journal, allow_backing=allow_backing)
        _require_overlay(path, overlay, link)
        merged = overlay.stat().st_size
        _merge(path, link, overlay)
        overlay.unlink(missing_ok=True)
        return Resumed(path, merged)
    finally:
        lock.close()


def _merge(path: Path, link: Link, overlay: Path) -> None:
    """Merge, and take the journal away when all of it is on stable storage."""
    try:
        # -d: qemu-img would empty the overlay afterwards, on which an interrupted merge depends.
        run_tool(["qemu-img", "commit", "-q", "-d", overlay_name(overlay, link)])
        for file in link.own_files():
            sync_file(file)
    except BaseException as error:
        if isinstance(error, Exception) and not isinstance(error, ImageError | OSError):
            raise
        raise DiskError(
            f"the merge into {path} was interrupted, so the image is incomplete:"
            f" {error or 'stopped by the user'}",
            hint=f"Free some space if that was the cause, then finish it: reseal resume {path}",
        ) from error
    remove_journal(link.path)


def _require_writable(image: Image) -> None:
    if image.why_read_only:
        raise DiskError(
            f"{image.path} can't be changed in place: {image.why_read_only}.",
            hint="Name a new image with --output.",
        )
    for file in image.link.own_files():
        if not os.access(file, os.W_OK):
            raise DiskError(
                f"{file} can't be written: permission denied.",
                hint="Name a new image with --output.",
            )
    if image.file.stat().st_nlink > 1:
        # The journal would be seen beside one of its names only.
        raise DiskError(
            f"{image.path} has several names (hard links), and changing it would change all.",
            hint="Name a new image with --output.",
        )


def _require_space(image: Image, overlay: Path) -> None:
    """Refuse a merge that could fill the disk half way."""
    files = list(image.link.own_files())
    allocated = sum(file.stat().st_blocks for file in files) * 512
    growth = max(0, image.size + _SPARE - allocated)  # nothing is left to allocate beyond
    needed = min(overlay.stat().st_blocks * 512 + _SPARE, growth)
    require_space(
        image.file.parent,
        needed,
        f"merging the changes into {image.path}",
        hint="Free some space and run reseal again.",
    )


def _wait_for_qemu(path: Path, file: Path) -> None:
    """Wait until the qemu-img of the interrupted run has ended."""
    patience = time.monotonic() + _DYING
    while written_by_qemu(file) or kept_by_qemu(file):
        if time.monotonic() > patience:
            raise ImageError(
                f"{path} is in use by a running machine or another program of QEMU's.",
                hint="Shut down the machine that uses it.",
            )
        time.sleep(0.02)


def _reopen(path: Path, file: Path, journal: Journal, *, allow_backing: bool) -> Link:
    """Open an image in the state in which an interrupted merge left it."""
    if formats.read_header(file).format == "vhdx":
        # QEMU opens it for reading only when its log has been replayed, which takes writing.
        name = json_name(Link(file, formats.read_header(file)).blockdev())
        run_tool(["qemu-img", "check", "-q", "-r", "all", name])
    link = open_chain(file, allow_backing=allow_backing, whole=False)
    status = file.stat()
    same = (link.header.format, link.header.size) == (journal.format, journal.size)
    if not same or status.st_size < journal.file_size or status.st_mtime_ns < journal.modified:
        raise ImageError(
            f"{path} is not the image into which the interrupted merge was going: it was replaced"
            " since.",
            hint="To keep it as it is, delete the .reseal-journal and .reseal-overlay beside it.",
        )
    return link


def _require_overlay(path: Path, overlay: Path, link: Link) -> None:
    """Check that the overlay is there, whole, and made for the image."""
    if overlay.is_symlink() or not overlay.is_file():
        raise ImageError(
            f"the changes that were to be merged into {path} are gone ({overlay.name}).",
            hint="Restore the image from a copy, then delete the .reseal-journal beside it.",
        )
    header = formats.read_header(overlay, "qcow2")
    formats.require_whole(overlay, "qcow2")
    if header.size != link.header.size or header.data_file:
        raise ImageError(f"{overlay} was not made for {path}.")
