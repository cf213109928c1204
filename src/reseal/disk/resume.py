"""Finishing a merge that was interrupted."""

from __future__ import annotations

import contextlib
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from reseal.disk import block, formats
from reseal.disk.chain import Link, open_chain
from reseal.disk.formats import vdi
from reseal.disk.held import Held
from reseal.disk.image import lock_of, network_link, resolve
from reseal.disk.journal import Journal, decision, remove_journal
from reseal.disk.locks import DYING, Lock, in_use_by_qemu, kept_by_qemu, written_by_qemu
from reseal.disk.merge import merge
from reseal.disk.qemu import json_name
from reseal.disk.sample import fits
from reseal.disk.scratch import folders, forget, place_of, require_private
from reseal.disk.sidecar import journal_path, overlay_path
from reseal.disk.torn import adopt, image_of, journal_of, journals_in, of_device
from reseal.errors import ImageError, UsageError
from reseal.hostfile import NetworkPath, disk_path
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


def resume(
    path: Path,
    *,
    allow_backing: bool = False,
    scratch: Path | None = None,
    journal: Path | None = None,
) -> Resumed:
    """Finish a merge that was interrupted; as often as it takes.

    Args:
        path: the image.
        allow_backing: take backing files that are not in the image's own folder, too.
        scratch: the folder with the journal of a block device; None for the default.
        journal: the journal of a device, if several fit it.

    Raises:
        ImageError: there is nothing to finish, or the image or the changes are not those with which
            the merge began.
        DiskError: the disk is full; free some space and resume again.
    """
    with ExitStack() as stack:
        one = _Interrupted.open(
            path, stack, allow_backing=allow_backing, scratch=scratch, chosen=journal
        )
        if not one.journal.group:
            merged = one.finish(allow_backing=allow_backing)
            one.forget()
            return Resumed(path, merged)
        first, *others = _together(one, stack, allow_backing=allow_backing, scratch=scratch)
        merged = sum(
            each.finish(allow_backing=allow_backing, conclude=False) for each in (first, *others)
        )
        for each in (*others, first):
            remove_journal(each.place)
        for each in (first, *others):
            each.forget()
        return Resumed(path, merged)


@dataclass(frozen=True, slots=True)
class _Interrupted:
    """An image into which a merge was interrupted, locked.

    Attributes:
        path: as the person named it.
        file: its resolved path.
        lock: the lock on it.
        network: how to open it, where it is a network disk.
        place: the path next to which its journal and its overlay are.
        journal: its journal.
    """

    path: Path
    file: Path
    lock: Lock
    place: Path
    journal: Journal
    network: Link | None = None

    @classmethod
    def open(
        cls,
        path: Path,
        stack: ExitStack,
        *,
        allow_backing: bool,
        scratch: Path | None,
        chosen: Path | None = None,
    ) -> Self:
        """Lock an image and find its journal.

        Args:
            path: the image.
            stack: releases the lock.
            allow_backing: take backing files that are not in the image's own folder, too.
            scratch: the folder with the journal of a block device; None for the default.
            chosen: the journal of a device, if several fit it.
        """
        file = resolve(path)
        network = None
        if isinstance(file, NetworkPath):
            network = network_link(file, stack, writable=True, scratch=scratch)
        lock = lock_of(network) if network else Lock(file)
        stack.callback(lock.close)
        device = block.is_block(file)
        lock.exclude(patience=_DYING if device else DYING)
        if device or network:
            link = network or open_chain(file, whole=False, scratch=scratch)
            place = _of_device(path, link, chosen)
        else:
            place = file
            if not os.path.lexists(journal_path(file)):
                _adopt(path, file, allow_backing=allow_backing)
        journal = Journal.read(place)
        if journal is None:
            raise _nothing(path)
        return cls(path, file, lock, place, journal, network)

    def finish(self, *, allow_backing: bool, conclude: bool = True) -> int:
        """Merge the changes; return the bytes that they occupied.

        Args:
            allow_backing: take backing files that are not in the image's own folder, too.
            conclude: whether to delete the journal at the end.
        """
        path, journal, overlay = self.path, self.journal, overlay_path(self.place)
        link = self.network
        if link is None:
            _wait_for_qemu(self.file)
            link = _open_interrupted(path, self.file, journal, allow_backing=allow_backing)
        _require_overlay(path, overlay, link)
        snapshots = journal.delete_snapshots
        if snapshots or link.header.snapshots:
            # QEMU counts references down before and after it takes a snapshot from the table, and refuses to
            # count below none (seen with QEMU 7.2). Counted wrong, a cluster in use might be written, too.
            check = ["qemu-img", "check", "-q", "-r", "all", json_name(link.blockdev())]
            run_tool(check, files=link.all_files())
        with Held(link, path, self.lock.inode) as held:
            if link.header.format == "vdi":
                vdi.undo_allocations(held.file(), journal.file_size)
            merged = overlay.stat().st_size
            merge(path, link, self.place, held, delete_snapshots=snapshots, conclude=conclude)
        if link.header.format == "qcow2":
            # Space that the interrupted merge had taken and not yet used; harmless where it stays.
            with contextlib.suppress(ImageError):
                run_tool(
                    ["qemu-img", "check", "-q", "-r", "leaks", json_name(link.blockdev())],
                    files=link.all_files(),
                )
        return merged

    def forget(self) -> None:
        """Delete the overlay; its journal is gone."""
        with contextlib.suppress(OSError):  # the next run takes it away
            overlay_path(self.place).unlink(missing_ok=True)
        if self.place != self.file:
            forget(self.place)


def _together(
    one: _Interrupted, stack: ExitStack, *, allow_backing: bool, scratch: Path | None
) -> list[_Interrupted]:
    """Return all disks of a run on several that still have a journal; the first is the one that decides.

    Args:
        one: any of them.
        stack: releases the locks.
        allow_backing: take backing files that are not in an image's own folder, too.
        scratch: the folder with the journals of block devices; None for the default.
    """
    decides = decision(journal_path(one.place), one.journal)
    if decides is None:
        link = open_chain(one.file, allow_backing=allow_backing, whole=False, scratch=scratch)
        if journal_of(link) is None:
            raise _nothing(one.path, " A run on several disks was stopped before it changed any.")
        raise ImageError(
            f"{one.path} was changed together with other disks, whose journal {one.journal.decides} is not"
            " there. Nothing was changed.",
            hint="Put the disks of the machine back into their places, and resume again.",
        )
    leader = Journal.read_file(decides)
    assert leader
    beside = image_of(decides)
    first = beside if beside and beside.exists() else disk_path(leader.name)
    found = []
    for path in (first, *(disk_path(other, first.parent) for other in leader.others)):
        if path == one.file or (path.exists() and one.file.exists() and path.samefile(one.file)):
            found.append(one)
            continue
        elsewhere = isinstance(path, NetworkPath) or block.is_block(path)
        if path != first and not elsewhere and not os.path.lexists(journal_path(path)):
            # Notes go when all disks are merged. A disk that is not there has not lost its note.
            resolve(path)
            continue
        try:
            other = _Interrupted.open(path, stack, allow_backing=allow_backing, scratch=scratch)
        except _NothingError:
            if path == first:
                raise
            continue
        if other.journal.group != leader.group:
            raise ImageError(
                f"the interrupted merges into {path} and {one.path} are of two runs. Nothing was changed.",
                hint="Put the disks of the machine back into their places, and resume again.",
            )
        found.append(other)
    return found


def _adopt(path: Path, file: Path, *, allow_backing: bool) -> None:
    """Take over the journal of an image that was renamed after its merge was interrupted."""
    if not adopt(open_chain(file, allow_backing=allow_backing, whole=False)):
        raise _nothing(path)


def _of_device(path: Path, link: Link, journal: Path | None) -> Path:
    """Return the place of the interrupted merge into a device or a network disk in the scratch folder.

    Args:
        path: the device as the person named it.
        link: the device.
        journal: the journal that the person chose, if any.
    """
    found = of_device(link)
    if journal:
        found = [one for one in found if one.exists() and one.samefile(journal)]
    if not found:
        raise _unfit(path, link)
    if len(found) > 1:
        listed = ", ".join(f"{one} (of {_named(one)})" for one in found)
        raise UsageError(
            f"several interrupted merges fit {path}: {listed}. Nothing was changed.",
            "Choose the one of this device with --journal FILE.",
        )
    require_private(found[0].parent)
    read = Journal.read_file(found[0])
    original = block.find(read.ids[0]) if read and read.ids else None
    if original and block.ids(original)[:1] != link.ids[:1]:
        raise ImageError(
            f"{path} is a copy of {original} that was made while that was incomplete. Nothing was changed.",
            hint=f"Resume {original}, then copy it again.",
        )
    return place_of(found[0])


def _unfit(path: Path, link: Link) -> ImageError:
    """Say why no journal fits a device."""
    assert link.scratch
    for folder in folders(link.scratch):
        for place, journal in journals_in(folder):
            if journal.ids[:1] != link.ids[:1] or not journal.ids:
                continue
            if journal.size != link.header.size:
                return ImageError(
                    f"{path} has {link.header.size} bytes, and had {journal.size} when the merge into it was"
                    " interrupted. Nothing was changed.",
                    hint="Give it the old size, and resume again.",
                )
            return _replaced(path, f"delete {place} and its overlay")
    return _nothing(path, f" No journal in {link.scratch} fits it.")


def _named(journal: Path) -> str:
    read = Journal.read_file(journal)
    return read.name if read else "an unknown device"


class _NothingError(ImageError):
    """No merge was interrupted."""


def _nothing(path: Path, more: str = "") -> ImageError:
    return _NothingError(f"there is nothing to resume: no interrupted merge into {path}.{more}")


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
    alike = (header.format, header.size) == (journal.format, journal.size) and (
        block.is_block(file) or status.st_size >= journal.file_size
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


def _replaced(
    path: Path, how: str = "delete its .reseal-journal and .reseal-overlay"
) -> ImageError:
    return ImageError(
        f"{path} is not the image into which the interrupted merge was going: it was replaced.",
        hint=f"To keep it as it is, {how}.",
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
