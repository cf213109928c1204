"""Work on an image: the parent owns lock, overlay and commit, a worker runs the engines.

The worker is forked for every run and dies with its parent. It reaches the disk through a private
socket, stages all changes on a volume that is opened to be read only, and writes only when
everything is staged and verified. The parent merges the overlay, or throws it away.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from reseal.disk import Image, Slice, Transaction, connect
from reseal.disk.image import space
from reseal.disk.partitions import volumes
from reseal.disk.shrink import require_shrinkable, shrink
from reseal.errors import UsageError
from reseal.ntfs import Volume, shadow_copies
from reseal.sandbox import Limits
from reseal.session import boot_store, in_folder
from reseal.session.opening import Found, choose, installations
from reseal.session.outcome import host_errors, read_back, summary
from reseal.session.session import Report, Session, Written
from reseal.session.surroundings import Part
from reseal.wim import is_wim
from reseal.windows import Installation
from reseal.worker import in_worker

if TYPE_CHECKING:
    from pathlib import Path

    from reseal.disk import Device

Look: TypeAlias = Callable[[list[Found]], dict[str, Any]]
Job: TypeAlias = Callable[[Session], dict[str, Any]]
#: What the worker does with the disk behind a socket.
DiskWork: TypeAlias = "Callable[[Path, Report], dict[str, Any]]"
#: Looks at a written installation again; returns what is wrong with it.
Recheck: TypeAlias = Callable[[Installation], list[str]]


@dataclass(frozen=True, slots=True)
class Options:
    """How to open an image and what to do with the outcome.

    Attributes:
        volume: which installation, as `--volume` names it; None where there is only one.
        output: the new image; None to work in place.
        thin: whether the output is an overlay over the image.
        passing: whether the output is deleted in the end, so that the image below may change.
        dry_run: whether nothing is written at all.
        chkdsk_at_boot: whether the volume's dirty flag is set in the end.
        allow_backing: whether backing files may lie outside the image's folder.
        reads: files and folders of the host, beside the image, that the job reads.
        writes: those that it writes, too.
        switches: names of the switches that providers and checks look at.
        shrink: whether the image's file is rewritten compactly in the end.
        index: which image, where the path is a WIM; None for the only one.
    """

    volume: str | None = None
    output: Path | None = None
    thin: bool = False
    passing: bool = False
    dry_run: bool = False
    chkdsk_at_boot: bool = False
    allow_backing: bool = False
    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()
    switches: frozenset[str] = frozenset()
    shrink: bool = False
    index: int | None = None


def read(
    path: Path,
    job: Look,
    *,
    allow_backing: bool = False,
    ignore_logs: bool = False,
    index: int | None = None,
    whole: bool = False,
    writes: tuple[Path, ...] = (),
) -> dict[str, Any]:
    """Look at an image or a folder without changing it.

    Args:
        path: a disk image, a WIM or a folder that holds a Windows installation.
        job: gets the installations and returns plain data; runs in the worker.
        allow_backing: whether backing files may lie outside the image's folder.
        ignore_logs: whether hives are read without their logs.
        index: which image of a WIM; None for the only one.
        whole: whether the job looks at the volume itself, rather than at some files of a WIM.
        writes: files and folders of the host that the job writes.

    Returns:
        What the job returned, with `image` added: path, format and size in bytes.
    """
    if _is_wim(path, index):
        from reseal.session import wim_image  # noqa: PLC0415  it builds on this module

        return wim_image.read(path, index, job, ignore_logs=ignore_logs, whole=whole)
    if path.is_dir():
        return in_folder.read(path, job, ignore_logs=ignore_logs, writes=writes)
    with (
        host_errors(path),
        Image.open(path, allow_backing=allow_backing) as image,
        image.serve(None) as socket,
    ):

        def look_at_disk(report: Report) -> dict[str, Any]:
            del report
            device = connect(socket, read_only=True)
            try:
                with installations(device, str(path), ignore_logs=ignore_logs) as found:
                    return job(found)
            finally:
                device.close()

        result = in_worker(path, look_at_disk, None, Limits.of_disk(image.size, writes=writes))
        return {"image": _image_facts(image), **result}


def change(
    path: Path, job: Job, recheck: Recheck, options: Options, on_message: Report | None = None
) -> dict[str, Any]:
    """Work on an image or a folder: all of it is done in the end, or nothing.

    Args:
        path: a disk image, a WIM or a folder that holds a Windows installation.
        job: stages changes in a session and returns plain data; runs in the worker.
        recheck: looks at the written installation again; runs in the worker.
        options: how to open it and what to do with the outcome.
        on_message: gets `{"step": …}` as the work goes on.

    Returns:
        What the job returned, with these added: `image`, `changes`, `notes`, `written`, `traffic`
        (bytes that went between reseal and the disk; None for a folder), `timings`.

    Raises:
        ResealError: something forbids it or went wrong; the image is as it was.
    """
    start = time.perf_counter()
    report = on_message or (lambda _: None)
    if _is_wim(path, options.index):
        from reseal.session import wim_image  # noqa: PLC0415  it builds on this module

        result = wim_image.change(path, job, recheck, options, report)
    elif path.is_dir():
        result = in_folder.change(path, job, recheck, options, report)
    else:
        result = _change_image(path, job, recheck, options, report)
    result["timings"]["total"] = time.perf_counter() - start
    return result


def _is_wim(path: Path, index: int | None) -> bool:
    if is_wim(path):
        return True
    if index is not None:
        msg = f"{path} is no WIM, so it takes no --index."
        raise UsageError(msg, "Choose among several Windows of a disk with --volume.")
    return False


# Disk images


def _change_image(
    path: Path, job: Job, recheck: Recheck, options: Options, report: Report
) -> dict[str, Any]:
    def work(socket: Path, report: Report) -> dict[str, Any]:
        device = connect(socket, read_only=options.dry_run)
        result = work_on_device(device, str(path), job, recheck, options, report)
        traffic = {"bytes_read": device.bytes_read, "bytes_written": device.bytes_written}
        return {**result, "traffic": traffic}

    return on_disk(path, work, options, report)


def on_disk(path: Path, work: DiskWork, options: Options, report: Report) -> dict[str, Any]:
    """Run the worker on a disk image behind an overlay, and merge the overlay, or throw it away.

    Args:
        path: the image.
        work: called in the worker with the disk's socket; its result has `written` (None where nothing
            was) and `timings`.
        options: what to do with the outcome.
        report: gets `{"step": …}`.

    Returns:
        The worker's result, with `image` added.
    """
    with host_errors(path), Image.open(path, allow_backing=options.allow_backing) as image:
        if options.shrink and not options.output:
            require_shrinkable(image)
        limits = Limits.of_disk(image.size, reads=options.reads, writes=options.writes)
        if options.dry_run:
            with image.serve(None) as socket:
                result = in_worker(path, partial(work, socket), report, limits)
            return {"image": _image_facts(image), **result}
        with Transaction.begin(
            image, output=options.output, thin=options.thin, protect=not options.passing
        ) as transaction:
            with image.serve(transaction.overlay) as socket:
                result = in_worker(path, partial(work, socket), report, limits)
            if result["written"] or options.output:
                report({"step": "Merging"})
                start = time.perf_counter()
                transaction.commit()
                result["timings"]["Merging"] = time.perf_counter() - start
        if options.shrink and not options.output:
            report({"step": "Shrinking"})
            shrink(image)
        if options.shrink or "wiped" in result:
            after = space(options.output) if options.output else image.space_now()
            result["space"] = {"before": image.file_size, "after": after}
        return {"image": _image_facts(image), **result}


def work_on_device(
    device: Device, subject: str, job: Job, recheck: Recheck, options: Options, report: Report
) -> dict[str, Any]:
    """Do a job on a disk and write what it staged; to be run in a worker. Closes the device."""
    try:
        with installations(device, subject) as found:
            chosen = choose(found, options.volume, subject)
            session = Session(
                chosen.installation,
                volume_state=chosen.state,
                neighbours=chosen.neighbours,
                boot_stores=partial(boot_store.find, device, subject),
                parts=parts_of(device, chosen),
                switches=options.switches,
                report=report,
            )
            result = job(session)
            session.settle()
            volume = chosen.place
        assert volume is not None
        written = None
        if (session.changes or options.chkdsk_at_boot) and not options.dry_run:
            part = Slice(device, volume.offset, volume.size)
            with session.step("Writing"):
                written = write(part, subject, session, options)
            if session.wipe_free:
                from reseal.ntfs.wipe import wipe  # noqa: PLC0415  its arrays take long to load

                with session.step("Wiping free space"):
                    result["wiped"] = asdict(wipe(part, subject))
            for store in session.edited_boot_stores:
                if store.place != volume:
                    with session.step("Writing the boot configuration"):
                        written.add(store.name, boot_store.write_back(device, store, subject))
            with session.step("Reading it back"):
                again = Volume.open(part, read_only=True, name=subject)
                try:
                    read_back(again, session, recheck, subject)
                finally:
                    again.close()
                for store in session.edited_boot_stores:
                    boot_store.read_back(device, store, subject)
        device.flush()
    finally:
        device.close()
    return summary(result, session, written)


def parts_of(device: Device, chosen: Found) -> tuple[Part, ...]:
    """Return the volumes of a disk, below their file systems."""
    return tuple(
        Part(one.number, Slice(device, one.offset, one.size), system=one == chosen.place)
        for one in volumes(device)
    )


def write(
    part: Slice,
    subject: str,
    session: Session,
    options: Options,
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


def _image_facts(image: Image) -> dict[str, Any]:
    return {"path": str(image.path), "format": image.format, "size": image.size}
