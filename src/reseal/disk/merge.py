"""Merging an overlay into its image, in place."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reseal.disk import block, golden, mark, scratch
from reseal.disk.chain import Link
from reseal.disk.device import DiskError
from reseal.disk.formats import vdi
from reseal.disk.held import Held
from reseal.disk.image import Image, refuse_interrupted, resume_command
from reseal.disk.journal import Journal, remove_journal
from reseal.disk.locks import InUseError, in_use_by_qemu, kept_by_qemu
from reseal.disk.output import lock_output
from reseal.disk.overlay import clear, create_overlay
from reseal.disk.qemu import file_node, is_lock_failure, json_name
from reseal.disk.sample import take_samples
from reseal.disk.sidecar import journal_path, overlay_path, sync_file
from reseal.disk.snapshots import delete_all
from reseal.disk.staged import require_space
from reseal.disk.torn import clear_notes
from reseal.errors import ImageError
from reseal.interruption import hold, uninterrupted
from reseal.process import run_tool

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What a merge may add to the image beside the overlay's own size: the tables of its container.
_SPARE = 8 << 20
#: Where snapshots stay, QEMU copies the tables that they share. If its disk fails after the image refers to a
#: copy, it frees the copy; with discard nothing of the table would be left (seen with QEMU 7.2).
_KEEPING = {"discard": "ignore"}


class InPlace:
    """Changes that are to be merged into the image.

    Attributes:
        image: the image.
        place: the image's file, or the place of a device in the scratch folder; the overlay is next to it.
        overlay: the qcow2 that takes the changes.
    """

    def __init__(self, image: Image, *, delete_snapshots: bool = False) -> None:
        self.image = image
        self._delete_snapshots = delete_snapshots
        _require_writable(image)
        image.lock.exclude()
        refuse_interrupted(image.path, image.file)
        self._require_unused()
        clear_notes(image.link)
        self.place = image.file
        if image.link.scratch:
            self.place = scratch.new_place(image.link.scratch, image.link.key)
        self.overlay = overlay_path(self.place)
        with contextlib.ExitStack() as stack:
            self._held = stack.enter_context(Held(image.link, image.path, image.lock.inode))
            if image.link.scratch:
                stack.callback(lock_output(self.overlay).close)
                stack.callback(scratch.forget, self.place)
            else:
                clear(self.overlay)  # of a run that was killed before its merge
            create_overlay(self.overlay, image.link)
            self._stack = stack.pop_all()

    def commit(self, facts: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002  see Staged
        """Merge the changes into the image."""
        journal = self.prepare()
        try:
            self.announce(journal)
        except BaseException:
            self.retract()
            raise
        try:
            self.merge()
        except InUseError:
            self.retract()
            raise
        self.discard()

    def prepare(self) -> Journal:
        """Check that the changes can be merged, and return the journal of that."""
        self._held.require_unchanged()
        self._require_unused()
        with self._unchanged():
            sync_file(self.overlay)
            _require_space(self.image, self.overlay)
            journal = self._journal()
            self._held.require_unchanged()
        return journal

    def announce(self, journal: Journal) -> None:
        """Write the journal: from now on the changes are to be merged."""
        with self._unchanged(), uninterrupted():
            journal.write(self.place)
            if self.image.link.scratch:
                scratch.point_to(self.place)
            else:
                mark.put(self._held.file(), journal.id, journal_path(self.place))

    @contextlib.contextmanager
    def _unchanged(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if isinstance(error, ImageError):
                raise
            raise DiskError(f"{self.image.path} was not changed: {error.strerror}.") from error

    def merge(self, *, conclude: bool = True) -> None:
        """Merge the changes.

        Args:
            conclude: whether to delete the journal at the end.
        """
        one = self.image
        merge(
            one.path,
            one.link,
            self.place,
            self._held,
            delete_snapshots=self._delete_snapshots,
            conclude=conclude,
        )

    def retract(self) -> None:
        """Take back what says that a merge has begun: nothing was written yet."""
        with uninterrupted(), contextlib.suppress(OSError):
            if not self.image.link.scratch:
                mark.take_away(self._held.file())
            remove_journal(self.place)

    def _journal(self) -> Journal:
        image = self.image
        known = image.link.node is None
        status = image.file.stat() if known else os.stat_result([0] * 10)
        samples = take_samples(image.link, self.overlay, subject=str(image.path))
        return Journal(
            image.format,
            image.size,
            status.st_size,
            status.st_dev,
            status.st_ino,
            samples,
            self._delete_snapshots,
            ids=image.link.ids,
            name=str(image.file) if image.link.scratch else "",
        )

    def discard(self) -> None:
        """Delete the overlay, unless a merge has begun that needs it."""
        self._stack.close()
        if not journal_path(self.place).exists():
            with contextlib.suppress(OSError):  # the next run takes it away
                self.overlay.unlink(missing_ok=True)

    def _require_unused(self) -> None:
        if any(kept_by_qemu(file) for file in self.image.link.own_files()):
            raise in_use_by_qemu(self.image.path)


def merge(
    path: Path,
    link: Link,
    place: Path,
    held: Held,
    *,
    delete_snapshots: bool = False,
    conclude: bool = True,
) -> None:
    """Merge an overlay into its image, and take the journal away when that is on stable storage.

    Args:
        path: the image as the person named it.
        link: the image.
        place: the image, or the place of a device in the scratch folder; the overlay is next to it.
        held: the files that are written.
        delete_snapshots: whether the image loses its internal snapshots, before it is merged.
        conclude: whether the journal is taken away.

    Raises:
        InUseError: another program has the image open; nothing was written.
        DiskError: the merge was interrupted. It can be done again from the start.
    """
    is_vdi = link.header.format == "vdi"
    try:
        if delete_snapshots:
            # First, so that the merge finds no table that a snapshot shares and that had to be copied.
            delete_all(link, held)
        node: dict[str, Any] = {"driver": "qcow2", "file": file_node(overlay_path(place))}
        node["backing"] = held.blockdev()
        if link.header.snapshots and not delete_snapshots:
            node["backing"]["file"] |= _KEEPING
        if is_vdi:
            vdi.recount(held.file())
        # -d: qemu-img would empty the overlay afterwards, on which an interrupted merge depends.
        run_tool(
            ["qemu-img", "commit", "-q", "-d", json_name(node)],
            pass_fds=held.numbers,
            files=link.all_files(),
        )
        if is_vdi:
            vdi.recount(held.file())

        if delete_snapshots:
            delete_all(link, held)
        hold()  # a run that is interrupted now would lose its outputs
        held.sync()
        if not link.scratch:
            mark.take_away(held.file())
        if not held.is_current():
            raise _replaced_meanwhile(path, place)
        if conclude:
            remove_journal(place)
    except _ReplacedError:
        raise
    except (ImageError, OSError, KeyboardInterrupt) as error:
        if is_lock_failure(str(error)):
            raise in_use_by_qemu(path) from error
        raise InterruptedMergeError(
            f"the merge into {path} was interrupted, so the image is incomplete:"
            f" {error or 'stopped by the user'}",
            hint="Free some space if that was the cause, then finish it: "
            + resume_command(path, place.parent if link.scratch else None),
        ) from error


class InterruptedMergeError(DiskError):
    """An image is neither the old nor the new one; `resume` finishes it."""

    image_changed = True


class _ReplacedError(DiskError):
    """Another file has the image's name now."""


def _replaced_meanwhile(path: Path, place: Path) -> DiskError:
    remove_journal(place)
    return _ReplacedError(
        f"another program replaced {path} while the changes were merged. The new file was not changed; "
        "the changes went into the replaced file.",
        hint="Run reseal again on the new file.",
    )


def _require_writable(image: Image) -> None:
    golden.refuse(image.path, image.file)
    if image.link.node:
        return  # its gateway could not be opened
    if image.is_device and block.is_read_only(image.file):
        raise DiskError(
            f"{image.path} can't be changed in place: the device is read-only. Nothing was changed.",
            hint="Name a new image with --output.",
        )
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
    """Refuse a merge that could fill the disk half way; a device never grows."""
    if image.is_device:
        return
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
