"""A disk as a medium: behind an overlay, which is merged into the image or becomes another."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Self

from reseal.disk import FileDevice, Image, Slice, Transaction, connect
from reseal.disk.image import space
from reseal.disk.nbd import NbdDevice
from reseal.disk.partitions import VolumeRange, volumes
from reseal.disk.shrink import require_shrinkable, shrink
from reseal.ntfs import Volume, shadow_copies
from reseal.run import boot_stores
from reseal.run.opening import installations
from reseal.sandbox import Limits
from reseal.session.surroundings import Part
from reseal.worker import in_worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from reseal.disk import Device
    from reseal.run.medium import Work
    from reseal.run.opening import Found
    from reseal.run.options import RunOptions
    from reseal.session import Session
    from reseal.session.boot_store import BootStore
    from reseal.session.session import Written
    from reseal.worker import Report


class OpenedDisk:
    """A disk in the worker, as `reseal.run.medium.Opened`.

    Attributes:
        device: the disk.
        subject: the image's name, for messages.
    """

    def __init__(self, device: Device, subject: str) -> None:
        self.device = device
        self.subject = subject

    @property
    def traffic(self) -> dict[str, int] | None:
        """Bytes that went between reseal and the disk so far; None where it is a plain file."""
        if not isinstance(self.device, NbdDevice):
            return None
        return {
            "bytes_read": self.device.bytes_read,
            "bytes_written": self.device.bytes_written,
        }

    def installations(self, *, ignore_logs: bool = False) -> AbstractContextManager[list[Found]]:
        """Open every NTFS volume, and yield the installations on them."""
        return installations(self.device, self.subject, ignore_logs=ignore_logs)

    def boot_stores(self) -> list[BootStore]:
        """Find the stores that the disk can boot from."""
        return boot_stores.find(self.device, self.subject)

    def parts(self, place: VolumeRange | None) -> tuple[Part, ...]:
        """Return the volumes of the disk."""
        return tuple(
            Part(one.number, self.part(one), system=one == place) for one in volumes(self.device)
        )

    def part(self, place: VolumeRange) -> Slice:
        """Return what a partition holds, as a device."""
        return Slice(self.device, place.offset, place.size)

    def write(
        self, session: Session, place: VolumeRange | None, options: RunOptions
    ) -> dict[str, Any]:
        """Write what a session has staged to its volume and to the boot stores."""
        assert place
        part, wiped = self.part(place), {}
        with session.step("Writing"):
            written = write_volume(part, self.subject, session, options)
        if session.wipe_free:
            from reseal.ntfs.wipe import wipe  # noqa: PLC0415  its arrays take long to load

            with session.step("Wiping free space"):
                wiped["wiped"] = asdict(wipe(part, self.subject))
        for store in session.edited_boot_stores:
            if store.place != place:
                with session.step("Writing the boot configuration"):
                    written.add(store.name, self.write_boot_store(store))
        return {**wiped, "written": asdict(written)}

    def write_boot_store(self, store: BootStore) -> int:
        """Write a boot store to its own volume; return the number of bytes."""
        return boot_stores.write_back(self.device, store, self.subject)

    def read_back_boot_store(self, store: BootStore) -> None:
        """Raise ImageError where a written boot store is not what was staged."""
        boot_stores.read_back(self.device, store, self.subject)

    @contextmanager
    def again(self, place: VolumeRange | None) -> Iterator[Volume]:
        """Open the volume that was written again."""
        assert place
        with Volume.open(self.part(place), read_only=True, name=self.subject) as volume:
            yield volume

    def flush(self) -> None:
        """Let what was written reach the image."""
        self.device.flush()


def write_volume(
    part: Slice,
    subject: str,
    session: Session,
    options: RunOptions,
    mounted: Volume | None = None,
) -> Written:
    """Write what a session has staged to its volume, and unmount it.

    Args:
        part: the volume that holds the installation.
        subject: the image's name, for messages.
        session: what is staged.
        options: what to do with the volume.
        mounted: the volume, where it is open for writing already. It is used unless something has to
            be patched below the file system, and closed.
    """
    # Before anything is mounted, so that no engine holds what lay there.
    for patched, writes in session.volume_patches:
        for offset, data in writes:
            patched.device.write(offset, data)
    for patched, _ in session.volume_patches:
        if not patched.system:
            with Volume.open(patched.device, read_only=False, name=subject) as other:
                other.reset_log()
    volume = mounted
    if volume is None or session.volume_patches:
        volume = Volume.open(
            part,
            read_only=False,
            name=subject,
            discard_hibernation="discard-hibernation" in options.switches,
        )
    try:
        if any(patched.system for patched, _ in session.volume_patches):
            volume.reset_log()
        if session.discard_shadow_copies:
            shadow_copies.discard(volume)
        written = session.commit(volume)
        for store in session.edited_boot_stores:
            if store.place.offset == part.offset:
                written.add(store.name, store.write(volume))
        if session.wipe_free:
            # It tells names and contents of what was deleted; a clean one has nothing to replay.
            volume.reset_log()
        if options.chkdsk_at_boot:
            volume.set_dirty(dirty=True)
    finally:
        volume.close()
    return written


def served(
    path: Path,
    socket: Path,
    work: Work,
    report: Report | None,
    limits: Limits,
    *,
    read_only: bool = False,
) -> dict[str, Any]:
    """Run work in a worker on the disk that is served at a socket, or on a raw file.

    Args:
        path: the image, for messages.
        socket: of the server, or the raw file, which is only read.
        work: gets an `OpenedDisk`.
        report: gets what the work reports.
        limits: what the worker may take and touch.
        read_only: whether nothing may be written.
    """

    def run(report: Report) -> dict[str, Any]:
        raw = not socket.is_socket()
        device = FileDevice(socket) if raw else connect(socket, read_only=read_only)
        with closing(device):
            return work(OpenedDisk(device, str(path)), report)

    return in_worker(path, run, report, limits)


class Disk:
    """A disk image, as `reseal.run.medium.Medium`.

    Attributes:
        path: the image.
        image: the same, opened.
    """

    image: Image

    def __init__(
        self, path: Path, options: RunOptions, *, size: int | None = None, plain: bool = False
    ) -> None:
        """Say which image; it is opened when the context begins.

        Args:
            path: the image.
            options: how to open it and what to do with the outcome. A dry run only reads.
            size: bytes of the output's disk, where it is to be larger.
            plain: whether a raw image that is only read is read where it lies, without a server.
        """
        self.path = path
        self._options = options
        self._size = size
        self._plain = plain
        self._stack = ExitStack()
        self._server = ExitStack()
        self._socket: Path | None = None
        self._transaction: Transaction | None = None

    def __enter__(self) -> Self:
        options = self._options
        with self._stack as stack:
            self.image = stack.enter_context(
                Image.open(self.path, allow_backing=options.allow_backing)
            )
            if options.shrink and not options.output:
                require_shrinkable(self.image)
            if not options.dry_run:
                self._transaction = stack.enter_context(
                    Transaction.begin(
                        self.image, output=options.output, thin=options.thin, size=self._size
                    )
                )
            stack.push(self._server)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(*error)  # type: ignore[arg-type]

    @property
    def facts(self) -> dict[str, Any]:
        """Path, format and size in bytes."""
        return {"path": str(self.path), "format": self.image.format, "size": self.image.size}

    @property
    def socket(self) -> Path:
        """Where the disk is served, from the first time that this is asked for."""
        if self._socket is None:
            if self._plain and self._transaction is None and self.image.format == "raw":
                self._socket = self.image.file
            else:
                overlay = self._transaction.overlay if self._transaction else None
                self._socket = self._server.enter_context(self.image.serve(overlay))
        return self._socket

    def in_worker(self, work: Work, report: Report | None) -> dict[str, Any]:
        """Run work in a worker that gets an `OpenedDisk`."""
        own = tuple(self.image.link.own_files()) if self._plain else ()
        limits = Limits.of_disk(
            self._size or self.image.size,
            reads=(*own, *self._options.reads),
            writes=self._options.writes,
        )
        dry = self._transaction is None
        return served(self.path, self.socket, work, report, limits, read_only=dry)

    def finish(self, result: dict[str, Any], report: Report) -> None:
        """Merge the overlay, or let it become the output; shrink the image where that is asked for."""
        options, output = self._options, self._options.output
        if self._transaction is None:
            return
        # Nobody may be served from the overlay when it is merged.
        self._server.close()
        if result["written"] or output:
            report({"step": "Copying the image" if self._size else "Merging"})
            start = time.perf_counter()
            self._transaction.commit()
            result["timings"]["Merging"] = time.perf_counter() - start
        if options.shrink and not output:
            report({"step": "Shrinking"})
            shrink(self.image)
        if options.shrink or "wiped" in result:
            after = space(output) if output else self.image.space_now()
            result["space"] = {"before": self.image.file_size, "after": after}
