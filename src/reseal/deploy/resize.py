"""A larger disk of the same machine: the layout stays, and the Windows volume grows.

The new disk is the image with a larger overlay. In it the partition table, the Windows volume and the
partitions behind it are changed; then both become the new image. Only the metadata that depends on the size
is written (`reseal.ntfs.extend`), so the run takes as long as copying the image.

Partitions behind Windows are in the way. A recovery partition is moved to the end of the disk, and the
references to its place are updated: the boot sector of its volume, ReAgent.xml, and on an MBR disk the boot
store. Any other partition stays in place, and the run is refused.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from reseal.bcd.devices import Device as BootDevice
from reseal.bcd.devices import DeviceValue, File, Locate, MbrPartition, RamDisk, VirtualDisk
from reseal.deploy import recovery
from reseal.deploy.layout import MBR_LIMIT, MBR_RECOVERY, MEBIBYTE, RECOVERY, hidden_sectors
from reseal.disk import Device, Image, Slice, VolumeRange
from reseal.disk.formats import EXTENSIONS
from reseal.disk.partitions import volumes
from reseal.disk.tables import GPT_END, rewrite
from reseal.errors import CheckError, ImageError, UsageError
from reseal.ntfs import Volume
from reseal.ntfs.boot import NTFS, OEM_NAME
from reseal.ntfs.clusters import Clusters
from reseal.ntfs.extend import extend, set_hidden_sectors
from reseal.run import Operation, RunOptions
from reseal.run.disk import Disk, OpenedDisk
from reseal.run.medium import carry_out
from reseal.run.opening import choose
from reseal.run.work import perform
from reseal.session import Mark, Session
from reseal.session.session import Written
from reseal.windows import Installation
from reseal.worker import Report

_CHUNK = 4 << 20


def resize(
    path: Path,
    target: Path,
    size: int,
    report: Report,
    *,
    volume: str | None = None,
    allow_backing: bool = False,
    describe: Callable[[Installation], Any] = lambda _: None,
) -> dict[str, Any]:
    """Make a larger disk from a disk image.

    Args:
        path: the image; only read.
        target: the disk to make; its extension selects the format.
        size: bytes of the disk, a multiple of 1 MiB.
        report: receives `{"step": …}`.
        volume: the Windows to grow, in the form of `--volume`; None for the only one.
        allow_backing: whether backing files may be outside the image's folder.
        describe: returns an installation's identity as plain data, for the record.

    Returns:
        The record: `result`, `source`, `image` (the disk), `partitions`, `grown` (bytes), `windows`,
        `before`, `after`, `changes`, `written`, `notes`, `timings`.

    Raises:
        UsageError: the disk would not be larger.
        CheckError: a partition behind Windows is in the way, or Windows did not close its volume.
        ImageError: the image can't be read, or holds no Windows.
    """
    start = time.perf_counter()
    with Image.open(path, allow_backing=allow_backing) as image:
        if size <= image.size:
            msg = f"{path} already has {image.size >> 20} MiB; a disk of {size >> 20} MiB is not larger."
            raise UsageError(msg, "Choose a larger --size. reseal does not make volumes smaller.")
    report({"step": "Extending the Windows volume"})
    options = RunOptions(output=target, allow_backing=allow_backing)
    disk = Disk(path, options, size=size)
    record = carry_out(path, disk, partial(_grow, volume, describe), report)
    record["timings"]["total"] = time.perf_counter() - start
    return {
        "result": "resized",
        **record,
        "source": record["image"],
        "image": {"path": str(target), "format": EXTENSIONS[target.suffix.lower()], "size": size},
    }


def _grow(
    volume: str | None,
    describe: Callable[[Installation], Any],
    opened: OpenedDisk,
    report: Report,
) -> dict[str, Any]:
    device, subject = opened.device, opened.subject
    with opened.installations() as found:
        chosen = choose(found, volume, subject)
        assert chosen.place
        installation = chosen.installation
        place, root, owner = chosen.place, installation.root, describe(installation)
        windows = installation.facts
    ranges = volumes(device)
    behind = sorted(
        (one for one in ranges if one.offset > place.offset), key=lambda one: one.offset
    )
    moves: list[tuple[VolumeRange, VolumeRange]] = []
    if place.scheme == "none":
        new = replace(place, size=device.size)
    else:
        new, moves = _places(device, place, behind, subject)
    if new.size <= place.size and place.scheme != "none":
        raise _no_room(subject)
    for old, moved in reversed(moves):
        _move(device, old, moved)
    if place.scheme != "none":
        changed = {one.number: one for one in (new, *(moved for _, moved in moves))}
        rewrite(device, [changed.get(one.number, one) for one in ranges])
    part = Slice(device, new.offset, new.size)
    grown = extend(part, subject)
    if not grown:
        raise _no_room(subject)
    settled = RunOptions(volume=f"{new.number}:{root}")
    record = perform(_Moved(moves), settled, opened, report)
    opened.flush()
    notes = [
        f"Partition {old.number} (recovery) was moved from byte {old.offset} to {moved.offset}."
        for old, moved in moves
    ]
    return {
        **record,
        "partitions": [_described(one) for one in volumes(device)],
        "grown": grown,
        "windows": windows,
        "before": owner,
        "after": owner,
        "written": record["written"] or asdict(Written()),
        "traffic": None,
        "notes": [*notes, *record["notes"]],
    }


def _no_room(subject: str) -> UsageError:
    msg = f"The Windows volume of {subject} has no room to grow."
    return UsageError(msg, "Choose a larger --size.")


def _places(
    device: Device, place: VolumeRange, behind: list[VolumeRange], subject: str
) -> tuple[VolumeRange, list[tuple[VolumeRange, VolumeRange]]]:
    """Return the new place of Windows, and (old, new) of each partition that moves, in order."""
    others = [one for one in behind if one.type not in {RECOVERY, MBR_RECOVERY}]
    if others or (place.number > 4 and place.scheme == "mbr"):
        what = f"partition {others[0].number}" if others else "the extended partition"
        msg = f"{what} of {subject} is in the way: only recovery partitions are moved."
        raise CheckError(
            msg,
            "Move or delete it in Windows (Disk Management), or capture the image into a WIM and "
            "deploy that.",
        )
    limit = device.size - GPT_END if place.scheme == "gpt" else min(device.size, MBR_LIMIT)
    end = limit // MEBIBYTE * MEBIBYTE
    moves = []
    for one in reversed(behind):
        end = (end - one.size) // MEBIBYTE * MEBIBYTE
        moves.append((one, replace(one, offset=end)))
    return replace(place, size=end - place.offset), moves[::-1]


def _move(device: Device, old: VolumeRange, new: VolumeRange) -> None:
    """Copy a partition towards the end of the disk, last part first, since the two may overlap."""
    for first, size in reversed(_in_use(device, old)):
        for start in reversed(range(first, first + size, _CHUNK)):
            data = device.read(old.offset + start, min(_CHUNK, first + size - start))
            device.write(new.offset + start, data)
    part = Slice(device, new.offset, new.size)
    if part.read(0, 512)[OEM_NAME] == NTFS:
        set_hidden_sectors(part, hidden_sectors(new))


def _in_use(device: Device, place: VolumeRange) -> list[tuple[int, int]]:
    """Return the used ranges of a partition: the allocated clusters of NTFS, otherwise all of it."""
    part = Slice(device, place.offset, place.size)
    try:
        with Volume.open(part, read_only=True, name=f"volume {place.number}") as volume:
            # Including the copy of the boot sector in the last sector.
            return [
                *Clusters(volume).extents(gap=MEBIBYTE),
                (volume.boot.size, part.size - volume.boot.size),
            ]
    except ImageError:
        return [(0, place.size)]


@dataclass
class _Moved(Operation):
    """Stages new places in data that names a partition by its place."""

    moves: list[tuple[VolumeRange, VolumeRange]]

    def stage(self, session: Session) -> dict[str, Any]:
        """Stage the new place of each partition that was moved."""
        for old, moved in self.moves:
            recovery.move(session, old.offset, moved.offset)
            if old.scheme == "mbr":
                _rename_device(session, old, moved)
        session.verify()
        return {}


def _rename_device(session: Session, old: VolumeRange, new: VolumeRange) -> None:
    """Update the boot stores of an MBR disk, which name partitions by their first byte.

    Args:
        session: the opened installation.
        old: the partition before it was moved.
        new: the partition now.
    """
    signature = int(old.disk, 16)
    before, after = MbrPartition(old.offset, signature), MbrPartition(new.offset, signature)
    with session.acting("resize", Mark.SEEN):
        for store in session.boot_stores:
            for one in store.store:
                for element in list(one.elements()):
                    value = element.value
                    if isinstance(value, DeviceValue):
                        changed = replace(value, device=_renamed(value.device, before, after))
                        if changed != value:
                            session.set_boot_element(store, one, element.number, changed)


def _renamed(device: BootDevice, before: BootDevice, after: BootDevice) -> BootDevice:
    match device:
        case File(parent, _) | RamDisk(parent, _):
            return replace(device, parent=_renamed(parent, before, after))
        case VirtualDisk(file):
            return replace(device, file=_renamed(file, before, after))
        case Locate(_, _, parent) if parent:
            return replace(device, parent=_renamed(parent, before, after))
    return after if device == before else device


def _described(place: VolumeRange) -> dict[str, Any]:
    names = ("number", "offset", "size", "type", "id", "name")
    return {name: getattr(place, name) for name in names}
