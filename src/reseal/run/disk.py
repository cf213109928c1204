"""A disk as a medium, with an overlay that is merged into the image or becomes a new image."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from reseal import bitlocker
from reseal.disk import FileDevice, Image, Slice, Transaction, connect
from reseal.disk.archives import Inside
from reseal.disk.block import read_by_state
from reseal.disk.device import part
from reseal.disk.form import grow_table, require_small_sectors
from reseal.disk.formats import EXTENSIONS
from reseal.disk.image import space
from reseal.disk.joined import Joined
from reseal.disk.nbd import NbdDevice
from reseal.disk.scratch import is_in_memory
from reseal.disk.shrink import ShrinkError, require_shrinkable, shrink
from reseal.errors import UsageError
from reseal.interruption import uninterrupted
from reseal.ntfs import Volume, shadow_copies
from reseal.run import boot_stores
from reseal.run.medium import Held
from reseal.run.opening import installations
from reseal.sandbox import Limits
from reseal.windows.volumes import Volumes
from reseal.worker import in_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from reseal.bitlocker import Key
    from reseal.disk import Device, VolumeRange
    from reseal.run.medium import Work
    from reseal.run.opening import Found
    from reseal.run.options import RunOptions
    from reseal.session import Session
    from reseal.session.boot_store import BootStore
    from reseal.session.session import Written
    from reseal.tree import Tree
    from reseal.worker import Report


#: What to do about internal snapshots that stay.
_DELETES_THEM = (
    "--delete-snapshots of generalize, customize and sid deletes them; --output leaves them out."
)
#: The switch with which a hibernated session is discarded.
_DISCARD = "discard-hibernation"


def _told(inside: Inside) -> dict[str, str]:
    named = {"firmware": inside.firmware, "controller": inside.controller}
    return {name: text for name, text in named.items() if text}


def _require_another(image: Image, others: list[Image]) -> None:
    """Refuse a disk that is named twice, by whatever names: also as a file and as a loop device on it."""

    def names(one: Image) -> set[object]:
        return {one.lock.inode, f"loop/backing_file {one.file}", *one.link.ids}

    for one in others:
        if names(one) & names(image):
            msg = f"{image.path} and {one.path} are the same disk. Nothing was changed."
            raise UsageError(msg, "Name each disk of the machine once.")


def _connected(sockets: list[Path], *, read_only: bool) -> Device:
    """Connect to the servers of a machine's disks; several are one device."""
    disks = [connect(one, read_only=read_only) for one in sockets]
    return disks[0] if len(disks) == 1 else Joined(disks)


class OpenedDisk:
    """A disk in the worker, as `reseal.run.medium.Opened`.

    Attributes:
        device: the disk.
        subject: name of the image in messages.
        keys: keys for volumes that BitLocker encrypts; None keeps them closed.
    """

    def __init__(self, device: Device, subject: str, keys: tuple[Key, ...] | None = None) -> None:
        self.device = device
        self.subject = subject
        self.keys = keys

    @property
    def traffic(self) -> dict[str, int] | None:
        """Bytes between reseal and the disk so far; None for a plain file."""
        device = self.device
        disks = device.disks if isinstance(device, Joined) else [device]
        served = [one for one in disks if isinstance(one, NbdDevice)]
        if not served:
            return None
        return {
            "bytes_read": sum(one.bytes_read for one in served),
            "bytes_written": sum(one.bytes_written for one in served),
        }

    def installations(self, *, ignore_logs: bool = False) -> AbstractContextManager[list[Found]]:
        """Open all NTFS volumes, and yield the installations on them."""
        return installations(self.device, self.subject, ignore_logs=ignore_logs, keys=self.keys)

    def boot_stores(self) -> list[BootStore]:
        """Find the stores that the disk can boot from."""
        return boot_stores.find(self.device, self.subject)

    def part(self, place: VolumeRange) -> Slice:
        """Return a partition as stored on the disk, encrypted or not."""
        return Slice(self.device, place.offset, place.size)

    def content(self, offset: int, size: int) -> Device:
        """Return the decrypted content of a partition; an encrypted one is read-only."""
        content = part(self.device, offset, size)
        if self.keys is not None and bitlocker.encrypted(content):
            return bitlocker.OpenVolume.open(content, self.keys, self.subject)
        return content

    def write(
        self, session: Session, place: VolumeRange | None, options: RunOptions
    ) -> dict[str, Any]:
        """See `Opened.write`."""
        assert place
        part, wiped = self.part(place), {}
        with session.step("Writing"):
            written = write_volume(part, self.subject, session, options)
        for store in session.edited_boot_stores:
            if store.place != place:
                with session.step("Writing the boot configuration"):
                    written.add(store.name, self.write_boot_store(store, options))
        if session.wiped_volumes:
            with session.step("Wiping free space") as tell:
                wiped["wiped"] = _wipe(session, part, self.subject, tell)
        return {**wiped, "written": asdict(written)}

    def write_boot_store(self, store: BootStore, options: RunOptions) -> int:
        """Write a boot store to its volume; return the number of bytes."""
        discard = _DISCARD in options.switches
        return boot_stores.write_back(self.device, store, self.subject, discard_hibernation=discard)

    def read_back(
        self, session: Session, place: VolumeRange | None, look: Callable[[Tree], None]
    ) -> None:
        """See `Opened.read_back`."""
        assert place
        own = Volume.open(self.part(place), read_only=True, name=self.subject)
        with closing(with_others(session, own)) as volumes:
            look(volumes)
        for store in session.edited_boot_stores:
            self.read_back_boot_store(store)

    def read_back_boot_store(self, store: BootStore) -> None:
        """Raise ImageError if a written boot store differs from the staged one."""
        boot_stores.read_back(self.device, store, self.subject)

    def flush(self) -> None:
        """Flush all writes to the image."""
        self.device.flush()


def _wipe(
    session: Session, own: Slice, subject: str, tell: Callable[[int, int], None]
) -> dict[str, int]:
    """Wipe volumes that are not mounted; return how much was wiped, on all of them.

    Args:
        session: the session, whose changes are written.
        own: the volume that holds the installation, with an empty log.
        subject: name of the image in messages.
        tell: takes how many bytes of a volume are done, and how many there are.
    """
    from reseal.ntfs.wipe import Wiped, wipe  # noqa: PLC0415  its arrays take long to load

    total: Counter[str] = Counter()
    for number in sorted(session.wiped_volumes):
        name = f"volume {number} of {subject}"
        device = own if number == session.installation.volume else session.devices[number]
        assert isinstance(device, Slice)
        if device is not own:
            with Volume.open(device, read_only=False, name=name) as volume:
                volume.reset_log()
        total.update(asdict(wipe(device, name, tell)))
    return asdict(Wiped(**total))


def write_volume(
    part: Slice,
    subject: str,
    session: Session,
    options: RunOptions,
    mounted: Volume | None = None,
) -> Written:
    """Write a session's staged changes to its volume, and unmount it.

    Args:
        part: the volume that holds the installation.
        subject: name of the image in messages.
        session: the session.
        options: what to do with the volume.
        mounted: the volume, if it is already open for writing. It is closed; it is not used if the session
            has patches below the file system.
    """
    # Patch before mounting, so that no engine has cached the old data.
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
            discard_hibernation=_DISCARD in options.switches,
        )
    volumes = with_others(session, volume)
    try:
        if any(patched.system for patched, _ in session.volume_patches):
            volume.reset_log()
        if session.installation.volume in session.discard_shadow_copies:
            shadow_copies.discard(volume)
        for number in sorted(session.discard_shadow_copies & volumes.others.keys()):
            tree = volumes.tree(number)
            assert isinstance(tree, Volume)
            shadow_copies.discard(tree)
        written = session.commit(volumes)
        for store in session.edited_boot_stores:
            if store.place.offset == part.offset:
                written.add(store.name, store.write(volume))
        if session.wiped_volumes:
            # The log has names and contents of deleted files; a clean log has nothing to replay.
            volume.reset_log()
        if options.chkdsk_at_boot:
            volume.set_dirty(dirty=True)
    finally:
        volumes.close()
    return written


def with_others(session: Session, own: Volume) -> Volumes:
    """Return a volume with the disk's other volumes, which are opened on first access."""

    def opened(number: int) -> Volume:
        name = f"volume {number} of {own.name}"
        return Volume.open(session.devices[number], read_only=own.read_only, name=name)

    known = session.installation.volumes
    others = {number: partial(opened, number) for number in known.others}
    return Volumes(own, others, known.partitions, known.names)


def on_device(
    path: Path,
    device: Callable[[], Device],
    work: Work,
    report: Report | None,
    limits: Limits,
    subject: str | None = None,
    keys: tuple[Key, ...] | None = None,
) -> dict[str, Any]:
    """Run work in a worker on a disk.

    Args:
        path: the image.
        device: opens the disk; called in the worker.
        work: called with an `OpenedDisk`.
        report: receives the reports of the work.
        limits: resource and access limits of the worker.
        subject: name of the disk in messages; None for the image's path.
        keys: keys for volumes that BitLocker encrypts; None keeps them closed.
    """

    def run(report: Report) -> dict[str, Any]:
        with closing(device()) as opened:
            return work(OpenedDisk(opened, subject or str(path), keys), report)

    return in_worker(path, run, report, limits)


class Disk(Held):
    """A disk image, or all disks of a machine, as `reseal.run.medium.Medium`.

    Attributes:
        path: the image.
        image: the opened image.
        images: that, and the other disks of the machine.
    """

    #: File descriptors that stay open in workers.
    _keeps: tuple[int, ...] = ()

    def __init__(
        self, path: Path, options: RunOptions, *, size: int | None = None, plain: bool = False
    ) -> None:
        """Create the medium; the context opens the image.

        Args:
            path: the image.
            options: how to open it, and what to do with the result. A dry run only reads.
            size: size of the output disk in bytes, if it is to be larger.
            plain: whether to read a raw image directly, without a server, if it is only read.
        """
        self.path = path
        self._options = options
        self._size = size
        self._plain = plain
        self._served: list[Path] = []
        self._transaction: Transaction | None = None

    def _hold(self, stack: ExitStack) -> None:
        one = self._options
        self.images: list[Image] = []
        for path in (self.path, *one.disks):
            image = Image.open(
                path,
                allow_backing=one.allow_backing,
                scratch=one.scratch,
                writing=one.in_place and not (one.dry_run or one.output),
            )
            stack.enter_context(image)
            _require_another(image, self.images)
            self.images.append(image)
            if image.is_device and not (one.dry_run or one.output or one.in_place):
                what = "a network disk" if image.link.node else "a block device"
                raise UsageError(
                    f"{path} is {what}; it is changed in place only if you say so. Nothing was changed.",
                    "Take a snapshot and add --in-place, or write a new image with --output.",
                )
        self.image = self.images[0]
        self._deletes_snapshots = (
            one.delete_snapshots and not one.output and bool(self.image.snapshots)
        )
        if one.shrink and not one.output:
            for image in self.images:
                require_shrinkable(image)
        self._changes = stack.enter_context(ExitStack())
        grown = one.form.size_of(self.image.size) if one.form else self.image.size
        if self._size is None and grown != self.image.size:
            self._size = grown
        if not one.dry_run:
            with uninterrupted():  # the overlay has a name as soon as there is one
                changes = Transaction.begin(
                    self.image,
                    output=one.output,
                    thin=one.thin,
                    size=self._size,
                    delete_snapshots=self._deletes_snapshots,
                    protect=not one.passing,
                    form=one.form,
                    others=self.images[1:],
                )
                self._transaction = self._changes.enter_context(changes)
        self._server = stack.enter_context(ExitStack())

    @property
    def facts(self) -> dict[str, Any]:
        """Path, format, size in bytes, and internal snapshots of the image and its backing files."""
        image = self.image
        snapshots = [*image.snapshots, *image.snapshots_below]
        named: dict[str, Any] = {"snapshots": snapshots} if snapshots else {}
        inside = image.link.inside
        if inside:
            named["archive"] = {"disk": inside.name, **_told(inside)}
        elif image.unpacked:
            named["archive"] = {"disk": image.unpacked.name, "unpacked": space(image.unpacked)}
        if others := self.images[1:]:
            named["disks"] = [
                {"path": str(one.path), "format": one.format, "size": one.size} for one in others
            ]
        return {"path": str(self.path), "format": image.format, "size": image.size, **named}

    @property
    def socket(self) -> Path:
        """The socket of the disk's server; see `_sockets`."""
        return self._sockets[0]

    @property
    def _sockets(self) -> list[Path]:
        """The sockets of the servers of all disks, which are started on first access."""
        if not self._served:
            none: list[Path | None] = [None] * len(self.images)
            overlays = self._transaction.overlays if self._transaction else none
            for image, overlay in zip(self.images, overlays, strict=True):
                self._served.append(self._server.enter_context(image.serve(overlay)))
        return self._served

    def in_worker(
        self, work: Work, report: Report | None, *, writes: tuple[Path, ...] = ()
    ) -> dict[str, Any]:
        """Run work in a worker that gets an `OpenedDisk`.

        Args:
            work: called with it and a report function.
            report: receives the reports of the work.
            writes: files and folders of the host that this work writes, in addition to the options'.
        """
        work = self._checking_sectors(work)
        files = tuple(self.image.link.own_files())
        # What reads a disk completely looks at the end whether another program has written it.
        seen = [one for file in files if self._plain for one in read_by_state(file)]
        own = (*(files if self._direct else ()), *seen)
        limits = Limits.of_disk(
            self._size or sum(one.size for one in self.images),
            reads=(*own, *self._options.reads),
            writes=(*self._options.writes, *writes),
        )
        return on_device(
            self.path,
            self._device(),
            work,
            report,
            replace(
                limits,
                keeps=(*self._keeps, *self._options.keeps),
                programs=self._options.programs,
            ),
            keys=self._options.keys,
        )

    def _checking_sectors(self, work: Work) -> Work:
        """Return the work with a check that the output can hold the disk's sectors."""
        one = self._options
        if one.output is None:
            return work
        kind = one.form.format if one.form else EXTENSIONS.get(one.output.suffix.lower(), "raw")

        def checked(opened: OpenedDisk, report: Report) -> dict[str, Any]:
            require_small_sectors(opened.device, kind, opened.subject)
            return work(opened, report)

        return checked

    def _device(self) -> Callable[[], Device]:
        """Return the function that opens the disk in a worker."""
        if self._direct:
            return partial(FileDevice, self.image.link.path)
        return partial(_connected, self._sockets, read_only=self._transaction is None)

    @property
    def _direct(self) -> bool:
        """Whether a worker reads the file of a raw image itself."""
        raw = self.image.format == "raw" and not self.image.is_device and len(self.images) == 1
        return self._plain and self._transaction is None and raw and not self.image.link.inside

    def finish(self, result: dict[str, Any], report: Report) -> None:
        """Merge the overlay or turn it into the output; shrink the image if requested."""
        options, output = self._options, self._options.output
        if result.get("changes") or self._deletes_snapshots or output:
            notes = result.setdefault("notes", [])
            notes += (*self._of_snapshots(), *self._of_device())
            if (stay := self._staying_snapshots()) is not None:
                notes.append(stay)
                result["warnings"] = [*result.get("warnings", ()), stay]
                result["hints"] = {**result.get("hints", {}), stay: _DELETES_THEM}
        if self.image.unpacked:
            result.setdefault("notes", []).append(
                f"{self.path} was unpacked into {self.image.unpacked.parent.parent} first, "
                f"{space(self.image.unpacked) >> 20} MiB, and the copy is deleted."
            )
        if self._transaction is None:
            return
        if options.form and self._size:
            self.in_worker(self._grow_table, None)
        # The server must not have the overlay open when it is merged.
        self._server.close()
        if result["written"] or output or self._deletes_snapshots:
            report({"step": "Copying the image" if self._size else "Merging"})
            start = time.perf_counter()
            self._transaction.commit(result.get("destination"))
            result["timings"]["Merging"] = time.perf_counter() - start
        self._changes.close()
        self._shrink(result, report)

    def _shrink(self, result: dict[str, Any], report: Report) -> None:
        """Shrink the image if requested, and record its space."""
        options, output = self._options, self._options.output
        if options.shrink and not output:
            report({"step": "Shrinking"})
            try:
                for image in self.images:
                    shrink(image)
            except ShrinkError as error:
                # The run is complete, and its outputs on this computer must still be put in place.
                result["failed_afterwards"] = {"message": error.message, "hint": error.hint}
        if options.shrink or "wiped" in result:
            after = space(output) if output else self.image.space_now()
            result["space"] = {"before": self.image.file_size, "after": after}

    def _grow_table(self, opened: OpenedDisk, _: Report) -> dict[str, Any]:
        return {"gpt": grow_table(opened.device, self.image.size)}

    def _of_device(self) -> Iterator[str]:
        """Note what can't be known of a block device that is changed in place."""
        one = self._options
        devices = [image for image in self.images if image.is_device]
        if not devices or one.output:
            return
        names = ", ".join(str(image.path) for image in devices)
        here = any(image.link.node is None for image in devices)
        who = "another computer (shared storage)" if here else "another program"
        yield (
            f"Whether {who} uses {names} can't be seen from here. A snapshot from before the run is the way "
            "back."
        )
        if self._transaction and is_in_memory(self._transaction.overlay.parent):
            yield (
                f"The scratch folder {self._transaction.overlay.parent} is in memory: a loss of power during "
                "the merge would lose what reseal resume needs. --scratch chooses another."
            )

    def _of_snapshots(self) -> Iterator[str]:
        """Note the outcome for internal snapshots, each a complete copy of the old disk."""
        one, image = self._options, self.image
        names = ", ".join(image.snapshots)
        if image.snapshots and self._deletes_snapshots:
            yield f"The internal snapshots of {image.path} are deleted: {names}."
        elif image.snapshots and one.output and not one.thin:
            yield f"The new image has no internal snapshots; those of {image.path} are left out: {names}."
        if image.snapshots_below and not (one.output and not one.thin):
            yield (
                "Backing files hold internal snapshots, which stay: "
                f"{', '.join(image.snapshots_below)}. A new image (--output) has none."
            )

    def _staying_snapshots(self) -> str | None:
        """Warn of internal snapshots that stay as they are."""
        one, image = self._options, self.image
        if not image.snapshots or self._deletes_snapshots or (one.output and not one.thin):
            return None
        return (
            f"{image.path} holds internal snapshots that this run does not change: "
            f"{', '.join(image.snapshots)}. Each is a complete copy of the old disk."
        )
