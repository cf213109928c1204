"""Repair what starts a disk's Windows: `reseal boot IMAGE --repair`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from reseal.errors import ImageError, UsageError
from reseal.operations import record as records

if TYPE_CHECKING:
    from pathlib import Path

    from reseal.operations.operation import OnMessage, Writing
    from reseal.run.disk import OpenedDisk
    from reseal.worker import Report

#: The stages of a rehearsal that a repair has to let pass.
_STAGES = frozenset({"firmware", "boot-manager"})
_PROVED = (
    "Boot files: they were read back from the written volume.",
    records.COMPLETENESS,
)


def repair(
    image: Path,
    writing: Writing,
    *,
    family: str | None = None,
    on_message: OnMessage | None = None,
) -> dict[str, Any]:
    """Put back boot files, boot store, active flag and boot code, as bcdboot and bootsect do.

    Args:
        image: a disk image.
        writing: how to open it, and where the changed one goes.
        family: whose signature the boot manager has, `2011` or `2023`; None for the one that the disk has
            so far.
        on_message: receives `{"step": …}`.

    Raises:
        UsageError: the image is not a disk image, or the family is not known.
        CheckError: the disk has no place for boot files.
        ImageError: the image lacks boot files, or the disk would still not start its boot manager.
    """
    from reseal.deploy.boot_files import AUTHORITIES
    from reseal.run.disk import Disk
    from reseal.run.medium import carry_out
    from reseal.wim import is_wim

    if family is not None and family not in AUTHORITIES:
        msg = f"--boot-files {family} is not known."
        raise UsageError(msg, f"Use {' or '.join(AUTHORITIES)}.")
    if image.is_dir() or (image.exists() and is_wim(image)):
        msg = f"{image} is not a disk, so it has no boot manager to repair."
        raise UsageError(msg, "Make a disk of it: reseal deploy IMAGE DISK.")
    if writing.disks:
        msg = "--repair works on one disk, so it takes no --disk."
        raise UsageError(msg, "Name the disk that the machine starts from.")
    if writing.dry_run:
        msg = "--repair has no --dry-run: it writes boot files with programs of the system."
        raise UsageError(msg, "Use --output for a new image, and rehearse it.")

    def work(opened: OpenedDisk, report: Report) -> dict[str, Any]:
        return _repaired(opened, writing.volume, family, report)

    options = writing.options(keys=writing.keys, programs=True)
    return carry_out(image, Disk(image, options), work, on_message)


def _repaired(
    opened: OpenedDisk, volume: str | None, family: str | None, report: Report
) -> dict[str, Any]:
    from reseal.deploy.repair import repair as put_back
    from reseal.disk.partitions import volumes
    from reseal.run.opening import choose

    start = time.perf_counter()
    report({"step": "Looking at the boot"})
    with opened.installations() as found:
        chosen = choose(found, volume, opened.subject)
        installation = chosen.installation
        facts = installation.facts
        owner = records.owner(installation)
        before = _stages(opened, volume)
        report({"step": "Repairing the boot"})
        store = before["boot-manager"] != "passes" or before["loader"] == "would stop"
        done = put_back(opened, installation, volumes(opened.device), store=store, family=family)
    opened.flush()
    after = _stages(opened, volume)
    still = [name for name in _STAGES if after[name] == "would stop"]
    if still:
        msg = f"{opened.subject} would still stop in the stage {still[0]}. Nothing was changed."
        raise ImageError(msg, "`reseal rehearse IMAGE` says why.")
    seconds = time.perf_counter() - start
    return {
        **records.blank("boot"),
        "windows": facts,
        "before": owner,
        "after": owner,
        "result": "changed",
        "summary": "The disk's boot files are repaired.",
        "changes": [
            {
                "provider": "boot-repair",
                "kind": "put_back",
                "target": one.target,
                "before": None,
                "after": one.what,
                "mark": "documented",
            }
            for one in done.done
        ],
        "notes": done.notes,
        "written": {"hives": [], "files": None},
        "traffic": opened.traffic,
        "timings": {"Repairing the boot": seconds, "total": seconds},
        "proved": list(_PROVED),
        "not_proved": list(records.NOT_PROVED[:1]),
    }


def _stages(opened: OpenedDisk, volume: str | None) -> dict[str, str]:
    """Rehearse the disk as it is; return the result of each stage."""
    from reseal.operations.operation import Opening
    from reseal.operations.rehearse import walked
    from reseal.operations.rehearsing import RehearseRequest

    found = walked(opened, Opening(volume=volume), RehearseRequest().chosen(), opened.subject)
    return {one["name"]: one["result"] for one in found["stages"]}
