"""Make a disk that starts a Windows: lay it out, fill it, make it bootable, give it its name.

The parent owns the new disk, which is hidden until it is whole; workers do the rest, one after the other:
libwim in a process of its own, the file systems in another. Whatever ends a worker, no disk is left.

The Windows volume of a disk image is copied by its allocated clusters, as they are, and then extended.
Thus everything stays that it holds (descriptors, short names, hard links, named streams, what CompactOS
compressed, file numbers), at the speed of the disk; applying a capture of it would write each file anew.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reseal.deploy import boot, source
from reseal.deploy.layout import Firmware, Layout, hidden_sectors, plan
from reseal.disk import Image, Slice, connect
from reseal.disk.create import NewDisk
from reseal.disk.formats import require_regular
from reseal.disk.pour import copy_ranges
from reseal.errors import ImageError, UsageError
from reseal.ntfs import Volume
from reseal.ntfs.clusters import Clusters
from reseal.ntfs.extend import extend
from reseal.ntfs.make import make as make_ntfs
from reseal.sandbox import Limits
from reseal.wim import apply_image, is_wim
from reseal.worker import in_worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reseal.windows import Installation

    Report = Callable[[dict[str, Any]], None]

#: Ranges of free clusters below this many bytes are copied with their neighbours.
_GAP = 1 << 20
_RECOVERY_SIZE = 1 << 30


@dataclass(frozen=True, slots=True)
class Options:
    """What disk to make.

    Attributes:
        size: bytes of the disk, a multiple of 1 MiB.
        firmware: what starts it.
        recovery: whether it gets a recovery partition.
        index: which image of a WIM, from 1; None for the only one.
        volume: which Windows of a disk image, as `--volume` names it; None for the only one.
        allow_backing: whether backing files of a disk image may lie outside its folder.
        drivers: a folder of driver packages that go into the Windows, if any.
        describe: tells whose an installation is, as plain data, for the record.
    """

    size: int
    firmware: Firmware
    recovery: bool = False
    index: int | None = None
    volume: str | None = None
    allow_backing: bool = False
    drivers: Path | None = None
    describe: Callable[[Installation], Any] = lambda _: None


def deploy(path: Path, target: Path, options: Options, report: Report) -> dict[str, Any]:
    """Make a disk from an image of a WIM, or from the Windows volume of a disk image.

    Args:
        path: the WIM or the disk image; only read.
        target: the disk to make; its extension names the format.
        options: what disk to make.
        report: gets `{"step": …}` and `{"progress": …, "done": …, "total": …}`.

    Returns:
        The record: `result`, `source`, `image` (the disk), `firmware`, `partitions`, `boot`, `windows`,
        `drivers`, `before`, `after`, `changes`, `written`, `notes`, `warnings`, `timings`.

    Raises:
        ResealError: something forbids it or went wrong; there is no disk then.
    """
    start = time.perf_counter()
    require_regular(path)
    made = _from_wim if is_wim(path) else _from_image
    record = made(path, target, options, report)
    record["timings"]["total"] = time.perf_counter() - start
    return record


def _from_wim(path: Path, target: Path, options: Options, report: Report) -> dict[str, Any]:
    if options.volume is not None:
        msg = f"{path} is a WIM, whose images have no volumes."
        raise UsageError(msg, "Choose one with --index.")
    layout = plan(options.size, options.firmware, recovery=options.recovery)
    seen = _look([path])
    with NewDisk(target, options.size, source=path) as disk:
        with disk.serve() as socket:

            def apply(report: Report) -> dict[str, Any]:
                device = connect(socket)
                try:
                    part = _windows_part(device, layout)
                    return apply_image(path, options.index, part, on_progress=report)
                finally:
                    device.close()

            timings = _Timings()
            with timings.of("Laying out the disk", report):
                in_worker(
                    path,
                    lambda _: _lay_out(socket, layout, with_windows=True),
                    None,
                    Limits(programs=True),
                )
            with timings.of("Applying the image", report):
                # The folder: a split WIM has its other parts there.
                limits = Limits(reads=(path.resolve().parent,))
                applied = in_worker(path, apply, report, limits)
            facts = {"path": str(path), "index": applied["index"], "bytes": applied["bytes"]}
            record = _finished(path, socket, layout, None, options, report, timings)
        _require_same(path, seen, _look([path]))
        return _committed(disk, target, {"source": facts, **record}, report, timings)


def _from_image(path: Path, target: Path, options: Options, report: Report) -> dict[str, Any]:
    if options.index is not None:
        msg = f"{path} is a disk image, which has no index."
        raise UsageError(msg, "Choose a Windows of several with --volume.")
    recovery_size = _RECOVERY_SIZE if options.recovery else 0
    timings = _Timings()
    with (
        Image.open(path, allow_backing=options.allow_backing) as image,
        image.serve(None) as below,
    ):

        def examine(_: Report) -> dict[str, Any]:
            device = connect(below, read_only=True)
            try:
                return source.examine(
                    device,
                    str(path),
                    options.volume,
                    options.firmware,
                    with_recovery=recovery_size,
                )
            finally:
                device.close()

        files = [file for link in image.link.chain() for file in link.own_files()]
        seen = _look(files)
        with timings.of("Looking at the image", report):
            found = in_worker(path, examine, None)
        layout = plan(
            options.size, options.firmware, recovery=options.recovery, needed=found["needed"]
        )
        with NewDisk(target, options.size, source=path) as disk:
            with disk.serve() as socket:
                with timings.of("Laying out the disk", report):
                    in_worker(
                        path,
                        lambda _: _lay_out(socket, layout, with_windows=False),
                        None,
                        Limits(programs=True),
                    )
                with timings.of("Copying Windows", report):
                    copied = in_worker(
                        path, lambda tell: _copy(below, socket, layout, found, tell), report
                    )
                facts = {"path": str(path), "format": image.format, "bytes": copied["bytes"]}
                record = _finished(path, socket, layout, found["root"], options, report, timings)
            _require_same(path, seen, _look(files))
            return _committed(disk, target, {"source": facts, **record}, report, timings)


# In the workers


def _lay_out(socket: Path, layout: Layout, *, with_windows: bool) -> dict[str, Any]:
    """Write the partition table, and make the empty NTFS volumes."""
    device = connect(socket)
    try:
        layout.write(device)
        labels = {"system": "System", "windows": "Windows", "recovery": "Recovery"}
        for role, place in layout.partitions.items():
            fat = role == "system" and layout.firmware is Firmware.UEFI
            if fat or role == "reserved" or (role == "windows" and not with_windows):
                continue
            part = Slice(device, place.offset, place.size)
            make_ntfs(part, label=labels[role], hidden_sectors=hidden_sectors(place))
        device.flush()
    finally:
        device.close()
    return {}


def _copy(
    below: Path, socket: Path, layout: Layout, found: dict[str, Any], report: Report
) -> dict[str, Any]:
    """Copy the allocated clusters of the Windows volume, and let it fill its new partition."""
    old, new = connect(below, read_only=True), connect(socket)
    try:
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

        target = _windows_part(new, layout)
        done = copy_ranges(part, target, ranges, tell)
        extend(target, "the new volume", hidden_sectors=hidden_sectors(layout.windows))
        new.flush()
    finally:
        old.close()
        new.close()
    return {"bytes": done}


def _windows_part(device: Any, layout: Layout) -> Slice:
    return Slice(device, layout.windows.offset, layout.windows.size)


# In the parent


def _look(files: list[Path]) -> list[tuple[int, ...]]:
    """What files look like from outside."""
    statuses = [file.stat() for file in files]
    return [(each.st_dev, each.st_ino, each.st_size, each.st_mtime_ns) for each in statuses]


def _require_same(path: Path, before: object, after: object) -> None:
    if before != after:
        msg = f"{path} was changed by another program while it was read; no disk was made."
        raise ImageError(msg, "Run reseal again when nobody else writes it.")


class _Timings(dict[str, float]):
    """Seconds per step."""

    def of(self, name: str, report: Report) -> _Step:
        """Tell the person what happens, and measure it."""
        report({"step": name})
        return _Step(self, name)


class _Step:
    def __init__(self, timings: _Timings, name: str) -> None:
        self._timings, self._name = timings, name

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._timings[self._name] = time.perf_counter() - self._start


def _finished(
    path: Path,
    socket: Path,
    layout: Layout,
    root: str | None,
    options: Options,
    report: Report,
    timings: _Timings,
) -> dict[str, Any]:
    def work(_: Report) -> dict[str, Any]:
        device = connect(socket)
        try:
            return boot.make_bootable(
                device, layout, root, str(path), options.describe, drivers=options.drivers
            )
        finally:
            device.close()

    with timings.of("Making it bootable", report):
        limits = Limits(reads=(options.drivers,) if options.drivers else (), programs=True)
        return in_worker(path, work, None, limits)


def _committed(
    disk: NewDisk, target: Path, record: dict[str, Any], report: Report, timings: _Timings
) -> dict[str, Any]:
    with timings.of("Finishing the disk", report):
        disk.commit()
    facts = {"path": str(target), "format": disk.format, "size": disk.size}
    return {"result": "deployed", "image": facts, **record, "timings": dict(timings)}
