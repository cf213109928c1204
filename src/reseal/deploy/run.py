"""Make a disk that starts Windows: lay it out, fill it, make it bootable, publish it.

The parent owns the new disk, which is hidden until it is complete. Workers do the rest, one after the other:
libwim in one process, the file systems in another. If a worker ends for any reason, no disk is left.

The allocated clusters of a disk image's Windows volume are copied unchanged, and the volume is then
extended. This keeps everything that it holds (descriptors, short names, hard links, named streams,
CompactOS compression, file numbers), at the speed of the disk; applying a capture would write each file
again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from reseal.deploy import boot, source
from reseal.deploy.layout import Firmware, Layout, hidden_sectors, plan
from reseal.disk import Slice, connect
from reseal.disk.block import state
from reseal.disk.create import NewDisk
from reseal.disk.image import resolve
from reseal.disk.pour import copy_ranges
from reseal.errors import ImageError, UsageError
from reseal.ntfs import Volume
from reseal.ntfs.clusters import Clusters
from reseal.ntfs.extend import extend
from reseal.ntfs.make import make as make_ntfs
from reseal.run import RunOptions
from reseal.run.disk import Disk, OpenedDisk, on_device
from reseal.run.medium import Held, Work
from reseal.sandbox import Limits
from reseal.wim import apply_image, is_wim
from reseal.windows import Installation
from reseal.worker import Report

#: Ranges of free clusters below this size in bytes are copied with their neighbours.
_GAP = 1 << 20
_RECOVERY_SIZE = 1 << 30


@dataclass(frozen=True, slots=True)
class Options:
    """The disk to make.

    Attributes:
        size: bytes of the disk, a multiple of 1 MiB.
        firmware: the firmware that starts it.
        recovery: whether it gets a recovery partition.
        index: the image of a WIM, from 1; None for the only one.
        volume: the Windows of a disk image, in the form of `--volume`; None for the only one.
        allow_backing: whether backing files of a disk image may be outside its folder.
        drivers: a folder of driver packages to add to Windows, if any.
        boot_files: the family of the boot manager, `2011` or `2023`; None to choose it.
        describe: returns an installation's identity as plain data, for the record.
        examine: looks at the finished disk before it is published; returns what it adds to the record.
    """

    size: int
    firmware: Firmware
    recovery: bool = False
    index: int | None = None
    volume: str | None = None
    allow_backing: bool = False
    drivers: Path | None = None
    boot_files: str | None = None
    describe: Callable[[Installation], Any] = lambda _: None
    examine: Callable[[OpenedDisk], dict[str, Any]] = lambda _: {}


def deploy(path: Path, target: Path, options: Options, report: Report) -> dict[str, Any]:
    """Make a disk from an image of a WIM, or from the Windows volume of a disk image.

    Args:
        path: the WIM or the disk image; only read.
        target: the disk to make; its extension selects the format.
        options: the disk to make.
        report: receives `{"step": …}` and `{"progress": …, "done": …, "total": …}`.

    Returns:
        The record: `result`, `source`, `image` (the disk), `firmware`, `partitions`, `boot`, `windows`,
        `drivers`, `before`, `after`, `changes`, `written`, `notes`, `warnings`, `timings`.

    Raises:
        ResealError: the disk can't be made; none is left.
    """
    start = time.perf_counter()
    resolve(path)
    made = _from_wim if is_wim(path) else _from_image
    record = made(path, target, options, report)
    record["timings"]["total"] = time.perf_counter() - start
    return record


def _from_wim(path: Path, target: Path, options: Options, report: Report) -> dict[str, Any]:
    if options.volume is not None:
        msg = f"{path} is a WIM, whose images have no volumes."
        raise UsageError(msg, "Choose one with --index.")
    layout = plan(options.size, options.firmware, recovery=options.recovery)

    def apply(opened: OpenedDisk, report: Report) -> dict[str, Any]:
        part = opened.part(layout.windows)
        return apply_image(path, options.index, part, on_progress=report)

    with _Draft(path, target, layout, options, report, _Seen([path])) as draft:
        draft.lay_out(with_windows=True)
        # Allow the whole folder: it holds the other parts of a split WIM.
        applied = draft.step("Applying the image", apply, reads=(path.resolve().parent,))
        return draft.finished({"path": str(path), "index": applied["index"]}, applied, None)


def _from_image(path: Path, target: Path, options: Options, report: Report) -> dict[str, Any]:
    if options.index is not None:
        msg = f"{path} is a disk image, which has no index."
        raise UsageError(msg, "If it holds several Windows, choose one with --volume.")
    recovery_size = _RECOVERY_SIZE if options.recovery else 0
    start = time.perf_counter()

    def examine(opened: OpenedDisk, _: Report) -> dict[str, Any]:
        return source.examine(opened, options.volume, options.firmware, with_recovery=recovery_size)

    with Disk(path, RunOptions(dry_run=True, allow_backing=options.allow_backing)) as disk:
        seen = _Seen([file for link in disk.image.link.chain() for file in link.own_files()])
        report({"step": "Looking at the image"})
        found = disk.in_worker(examine, None)
        looked = time.perf_counter() - start
        layout = plan(
            options.size, options.firmware, recovery=options.recovery, needed=found["needed"]
        )
        copy = partial(_copy, disk.socket, layout, found)
        with _Draft(path, target, layout, options, report, seen) as draft:
            draft.timings["Looking at the image"] = looked
            draft.lay_out(with_windows=False)
            copied = draft.step("Copying Windows", copy)
            facts = {"path": str(path), "format": disk.image.format}
            return draft.finished(facts, copied, found["root"], found["manager"])


class _Draft(Held):
    """The new disk: workers fill it one after the other, and it is published when it is complete."""

    def __init__(
        self,
        path: Path,
        target: Path,
        layout: Layout,
        options: Options,
        report: Report,
        seen: _Seen,
    ) -> None:
        self._path = path
        self._target = target
        self._layout = layout
        self._options = options
        self._report = report
        self._seen = seen
        self.timings: dict[str, float] = {}

    def _hold(self, stack: ExitStack) -> None:
        new = NewDisk(self._target, self._options.size, source=self._path)
        self._disk = stack.enter_context(new)
        self._server = stack.enter_context(ExitStack())
        self._socket = self._server.enter_context(self._disk.serve())

    def step(
        self, name: str, work: Work, *, reads: tuple[Path, ...] = (), programs: bool = False
    ) -> dict[str, Any]:
        """Run work in a worker that gets the disk as an `OpenedDisk`; report and time it.

        Args:
            name: the step's name.
            work: the function to run.
            reads: files and folders that the worker may read.
            programs: whether the worker may start programs.
        """
        self._report({"step": name})
        start = time.perf_counter()
        result = self._work(work, reads, programs=programs)
        self.timings[name] = time.perf_counter() - start
        return result

    def _work(
        self, work: Work, reads: tuple[Path, ...], *, programs: bool = False
    ) -> dict[str, Any]:
        device = partial(connect, self._socket)
        limits = Limits(reads=reads, programs=programs)
        return on_device(self._path, device, work, self._report, limits)

    def lay_out(self, *, with_windows: bool) -> None:
        """Write the partition table, and make the empty NTFS volumes."""
        layout = self._layout

        def work(opened: OpenedDisk, _: Report) -> dict[str, Any]:
            layout.write(opened.device)
            labels = {"system": "System", "windows": "Windows", "recovery": "Recovery"}
            for role, place in layout.partitions.items():
                fat = role == "system" and layout.firmware is Firmware.UEFI
                if fat or role == "reserved" or (role == "windows" and not with_windows):
                    continue
                hidden = hidden_sectors(place)
                make_ntfs(opened.part(place), label=labels[role], hidden_sectors=hidden)
            opened.flush()
            return {}

        self.step("Laying out the disk", work, programs=True)

    def finished(
        self,
        source_facts: dict[str, Any],
        filled: dict[str, Any],
        root: str | None,
        manager: str | None = None,
    ) -> dict[str, Any]:
        """Make the filled disk bootable, publish it, and return the record.

        Args:
            source_facts: facts about the source, for the record.
            filled: the result of the step that filled the disk.
            root: the Windows folder; None if the volume holds only one.
            manager: the family of the boot manager that has started it so far; None if unknown.
        """
        options, disk = self._options, self._disk
        drivers = options.drivers

        def work(opened: OpenedDisk, report: Report) -> dict[str, Any]:
            made = boot.make_bootable(
                opened,
                self._layout,
                root,
                options.describe,
                report,
                drivers=drivers,
                asked=options.boot_files,
                manager=manager,
            )
            return {**made, **options.examine(opened)}

        record = self._work(work, (drivers,) if drivers else (), programs=True)
        self._server.close()
        self._seen.require_same(self._path)
        self._report({"step": "Finishing the disk"})
        start = time.perf_counter()
        disk.commit()
        timings = {**self.timings, **record["timings"]}
        return {
            "result": "deployed",
            "image": {"path": str(self._target), "format": disk.format, "size": disk.size},
            "source": {**source_facts, "bytes": filled["bytes"]},
            **record,
            "timings": {**timings, "Finishing the disk": time.perf_counter() - start},
        }


class _Seen:
    """The files' state on disk, to notice when another program writes them."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._before = self._look()

    def _look(self) -> list[tuple[int, ...]]:
        return [state(file) for file in self._files]

    def require_same(self, path: Path) -> None:
        """Raise ImageError if a file was changed."""
        if self._look() != self._before:
            msg = f"{path} was changed by another program while it was read; no disk was made."
            raise ImageError(msg, "Run reseal again when no other program writes it.")


def _copy(
    below: Path, layout: Layout, found: dict[str, Any], opened: OpenedDisk, report: Report
) -> dict[str, Any]:
    """Copy the allocated clusters of the Windows volume, and extend it to its new partition."""
    with closing(connect(below, read_only=True)) as old:
        part = Slice(old, found["offset"], found["size"])
        with Volume.open(part, read_only=True, name="volume") as volume:
            ranges = list(Clusters(volume).extents(gap=_GAP))
        total = sum(size for _, size in ranges)
        percent = -1

        def tell(done: int) -> None:
            nonlocal percent
            if done * 100 // total > percent:
                percent = done * 100 // total
                report({"progress": "Copying Windows", "done": done, "total": total})

        target = opened.part(layout.windows)
        done = copy_ranges(part, target, ranges, tell)
        extend(target, "the new volume", hidden_sectors=hidden_sectors(layout.windows))
        opened.flush()
    return {"bytes": done}
