"""Repair what starts a disk's Windows: `reseal boot IMAGE --repair`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

from reseal.errors import ImageError, UsageError
from reseal.operations import record as records

if TYPE_CHECKING:
    from pathlib import Path

    from reseal.operations.operation import OnMessage, Writing
    from reseal.operations.record import RunRecord
    from reseal.run.disk import OpenedDisk
    from reseal.worker import Report

#: The stages of a rehearsal that a repair has to let pass.
_STAGES = ("firmware", "boot-manager")
_PROVED = (
    "Boot files: they were read back from the written volume.",
    records.COMPLETENESS,
)
#: Fields of `Writing` that say something of the volume of Windows, which a repair only reads.
_OF_WINDOWS = ("index", "discard_hibernation", "decrypt", "prevent_device_encryption")


def repair(
    image: Path,
    writing: Writing,
    *,
    family: str | None = None,
    on_message: OnMessage | None = None,
) -> RunRecord:
    """Put back boot files, boot store, active flag and boot code, as bcdboot and bootsect do.

    Args:
        image: a disk image.
        writing: how to open it, and where the changed one goes.
        family: whose signature the boot manager has, `2011` or `2023`; None for the one that the disk has
            so far.
        on_message: receives `{"step": …}`.

    Raises:
        UsageError: the image is not a disk image, or an option is not known or has no effect.
        CheckError: the disk has no place for boot files, or the rehearsal that was required stops.
        ImageError: the image lacks boot files, or the disk would still not start its boot manager.
    """
    from reseal.operations.rehearsing import rehearsing
    from reseal.run.disk import Disk
    from reseal.run.medium import carry_out
    from reseal.wim import is_wim

    _require(image, writing, family, wim=image.is_file() and is_wim(image))
    rehearsing(
        machine=writing.machine, required=writing.require_rehearsal, off=writing.no_rehearsal
    )

    def work(opened: OpenedDisk, report: Report) -> dict[str, Any]:
        if not writing.dry_run:
            return _repaired(opened, writing, family, report)
        from reseal.disk.memory import MemoryOverlay

        trial = type(opened)(MemoryOverlay(opened.device), opened.subject, opened.keys)
        return {**_repaired(trial, writing, family, report), "result": records.DRY_RUN}

    options = writing.options(keys=writing.keys, programs=True)
    return cast("RunRecord", carry_out(image, Disk(image, options), work, on_message))


def _require(image: Path, writing: Writing, family: str | None, *, wim: bool) -> None:
    from reseal.deploy.boot_files import require_authority

    require_authority(family)
    if image.is_dir() or wim:
        msg = f"{image} is not a disk, so it has no boot manager to repair."
        raise UsageError(msg, "Make a disk of it: reseal deploy IMAGE DISK.")
    if writing.disks:
        msg = "--repair works on one disk, so it takes no --disk."
        raise UsageError(msg, "Name the disk that the machine starts from.")
    for name in _OF_WINDOWS:
        if getattr(writing, name):
            msg = f"--{name.replace('_', '-')} has no effect with --repair."
            raise UsageError(msg, "A repair only reads the volume of Windows; leave it out.")


def _repaired(
    opened: OpenedDisk, writing: Writing, family: str | None, report: Report
) -> dict[str, Any]:
    from reseal.deploy.repair import repair as put_back
    from reseal.disk.partitions import volumes
    from reseal.run.opening import choose

    start = time.perf_counter()
    report({"step": "Looking at the boot"})
    with opened.installations() as found:
        installation = choose(found, writing.volume, opened.subject).installation
        facts = installation.facts
        owner = records.owner(installation)
        before = _results(_rehearsed(opened, writing))
        report({"step": "Repairing the boot"})
        store = before["boot-manager"] != "passes" or before["loader"] == "would stop"
        done = put_back(opened, installation, volumes(opened.device), store=store, family=family)
    opened.flush()
    rehearsed = _require_starts(opened, writing, family)
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
        "written": {"hives": [], "files": None},
        "traffic": opened.traffic,
        "timings": {"Repairing the boot": seconds, "total": seconds},
        "proved": list(_PROVED),
        "not_proved": list(records.NOT_PROVED[:1]),
        **rehearsed,
        "notes": [*done.notes, *rehearsed["notes"]],
    }


def _require_starts(opened: OpenedDisk, writing: Writing, family: str | None) -> dict[str, Any]:
    """Rehearse the repaired disk; return the rehearsal on the chosen machine for the record."""
    from reseal.deploy.boot_files import AUTHORITIES
    from reseal.operations.rehearsing import require

    after = _rehearsed(opened, writing, secure_boot=family)
    results = _results(after)
    secure = next(one for one in after["stages"] if one["name"] == "secure-boot")
    notes = []
    if family and secure["result"] == "would stop":
        other = next(name for year, name in AUTHORITIES.items() if year != family)
        if other in secure["said"]:
            msg = f"The boot manager in {opened.subject} is not of the family {family}: {secure['said']}"
            raise ImageError(
                f"{msg} Nothing was changed.",
                "Install a current update in Windows, or choose the other.",
            )
        notes.append(f"The boot manager is not of the family {family}: {secure['said']}")
    still = next((name for name in _STAGES if results[name] == "would stop"), None)
    if still:
        msg = f"{opened.subject} would still stop in the stage {still}. Nothing was changed."
        raise ImageError(msg, "`reseal rehearse IMAGE` says why.")
    if writing.no_rehearsal:
        return {"notes": notes}
    found = _rehearsed(opened, writing, machine=writing.machine)
    del found["windows"]
    if writing.require_rehearsal:
        require(found)
    return {"notes": notes, "rehearsal": found}


def _results(rehearsed: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["result"] for one in rehearsed["stages"]}


def _rehearsed(
    opened: OpenedDisk,
    writing: Writing,
    *,
    machine: str | None = None,
    secure_boot: str | None = None,
) -> dict[str, Any]:
    """Rehearse the disk as it is."""
    from reseal.operations.operation import Opening
    from reseal.operations.rehearse import walked
    from reseal.operations.rehearsing import RehearseRequest

    chosen = RehearseRequest(machine=machine, secure_boot=secure_boot).chosen()
    return walked(opened, Opening(volume=writing.volume), chosen, opened.subject)
