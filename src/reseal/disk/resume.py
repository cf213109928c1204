"""Finishing a merge that was interrupted."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

from reseal.disk import formats
from reseal.disk.chain import Link, open_chain
from reseal.disk.formats import vdi
from reseal.disk.held import Held
from reseal.disk.image import resolve
from reseal.disk.journal import Journal
from reseal.disk.locks import Lock, in_use_by_qemu, kept_by_qemu, written_by_qemu
from reseal.disk.merge import merge
from reseal.disk.qemu import json_name
from reseal.disk.sample import fits
from reseal.disk.sidecar import overlay_path
from reseal.disk.torn import adopt
from reseal.errors import ImageError
from reseal.process import run_tool

#: How long to wait for the qemu-img of a run that was killed to end, in seconds.
_DYING = 60.0


@dataclass(frozen=True, slots=True)
class Resumed:
    """A merge that was finished.

    Attributes:
        image: the image, which is complete now.
        merged: bytes that the changes occupied.
    """

    image: Path
    merged: int


def resume(path: Path, *, allow_backing: bool = False) -> Resumed:
    """Finish a merge that was interrupted; as often as it takes.

    Args:
        path: the image.
        allow_backing: take backing files that are not in the image's own folder, too.

    Raises:
        ImageError: there is nothing to finish, or the image or the changes are not those with which
            the merge began.
        DiskError: the disk is full; free some space and resume again.
    """
    file = resolve(path)
    lock = Lock(file)
    try:
        lock.exclude()
        journal = Journal.read(file) or _adopted(file, allow_backing=allow_backing)
        if journal is None:
            raise ImageError(f"there is nothing to resume: no interrupted merge into {path}.")
        overlay = overlay_path(file)
        _wait_for_qemu(file)
        link = _open_interrupted(path, file, journal, allow_backing=allow_backing)
        _require_overlay(path, overlay, link)
        if journal.delete_snapshots or link.header.snapshots:
            # QEMU counts references down before and after it takes a snapshot from the table, and refuses to
            # count below none (seen with QEMU 7.2). Counted wrong, a cluster in use might be written, too.
            check = ["qemu-img", "check", "-q", "-r", "all", json_name(link.blockdev())]
            run_tool(check, files=link.all_files())
        with Held(link, path, lock.inode) as held:
            if link.header.format == "vdi":
                vdi.undo_allocations(held.file(), journal.file_size)
            merged = overlay.stat().st_size
            merge(path, link, overlay, held, delete_snapshots=journal.delete_snapshots)
        with contextlib.suppress(OSError):  # the next run takes it away
            overlay.unlink(missing_ok=True)
        if link.header.format == "qcow2":
            # Space that the interrupted merge had taken and not yet used; harmless where it stays.
            with contextlib.suppress(ImageError):
                run_tool(
                    ["qemu-img", "check", "-q", "-r", "leaks", json_name(link.blockdev())],
                    files=link.all_files(),
                )
        return Resumed(path, merged)
    finally:
        lock.close()


def _adopted(file: Path, *, allow_backing: bool) -> Journal | None:
    """Return the journal of an image that was renamed after its merge was interrupted."""
    link = open_chain(file, allow_backing=allow_backing, whole=False)
    return Journal.read(file) if adopt(link) else None


def _wait_for_qemu(file: Path) -> None:
    """Wait until the qemu-img of the interrupted run has ended."""
    patience = time.monotonic() + _DYING
    while written_by_qemu(file) or kept_by_qemu(file):
        if time.monotonic() > patience:
            raise in_use_by_qemu(file)
        time.sleep(0.02)


def _open_interrupted(path: Path, file: Path, journal: Journal, *, allow_backing: bool) -> Link:
    """Open an image in the state in which an interrupted merge left it.

    Raises:
        ImageError: it is another image.
    """
    header = formats.read_header(file)
    status = file.stat()
    alike = (
        (header.format, header.size) == (journal.format, journal.size)
        and status.st_size >= journal.file_size
    )  # and no more: the clock of the host or of a server may have been set since
    if not alike:
        raise _replaced(path)
    if header.format == "vhdx":
        # QEMU opens it for reading only when its log has been replayed, which takes writing.
        run_tool(["qemu-img", "check", "-q", "-r", "all", json_name(Link(file, header).blockdev())])
    link = open_chain(file, allow_backing=allow_backing, whole=False)
    if not fits(link, journal.samples, subject=str(path)):
        raise _replaced(path)
    return link


def _replaced(path: Path) -> ImageError:
    return ImageError(
        f"{path} is not the image into which the interrupted merge was going: it was replaced.",
        hint="To keep it as it is, delete its .reseal-journal and .reseal-overlay.",
    )


def _require_overlay(path: Path, overlay: Path, link: Link) -> None:
    """Check that the overlay is there, whole, and made for the image."""
    if overlay.is_symlink() or not overlay.is_file():
        raise ImageError(
            f"the changes that were to be merged into {path} are gone ({overlay.name}).",
            hint="Restore the image from a copy, then delete its .reseal-journal.",
        )
    header = formats.read_header(overlay, "qcow2")
    formats.require_whole(overlay, "qcow2")
    if header.size != link.header.size or header.data_file:
        raise ImageError(f"{overlay} was not made for {path}.")
