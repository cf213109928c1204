"""Rehearse the boot of an image: where would it stop, ask or wait?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from reseal.errors import CheckError, ImageError, NoWindowsError, ResealError, UsageError
from reseal.operations.operation import Opening
from reseal.operations.rehearsing import Chosen, RehearseRequest, rehearsing, require, walk_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from reseal.disk import Device
    from reseal.run.disk import OpenedDisk
    from reseal.run.medium import Opened
    from reseal.run.opening import Found
    from reseal.session import Session
    from reseal.worker import Report


def rehearse(
    image: Path, opening: Opening | None = None, request: RehearseRequest | None = None
) -> dict[str, Any]:
    """Walk through the boot of an image, and record what each stage would do.

    Args:
        image: a disk image, a WIM or a folder.
        opening: which Windows, and how to open the image; None walks the one that the boot store starts.
        request: the machine; None for any.

    Raises:
        UsageError: the machine is not known.
    """
    from reseal.run.image import read_opened
    from reseal.run.options import RunOptions

    opening = opening or Opening()
    chosen = (request or RehearseRequest()).chosen()

    def work(opened: Opened, _: Report) -> dict[str, Any]:
        return walked(opened, opening, chosen, str(image))

    options = RunOptions(
        dry_run=True,
        index=opening.index,
        allow_backing=opening.allow_backing,
        keys=opening.keys,
        disks=opening.disks,
    )
    start = time.perf_counter()
    record = read_opened(image, work, options)
    return {**record, "seconds": time.perf_counter() - start}


def examining(
    *, machine: str | None = None, required: bool = False, off: bool = False
) -> Callable[[OpenedDisk], dict[str, Any]]:
    """Return the rehearsal of a new disk before it is published, as an addition to the record.

    Args:
        machine: the machine, as in `RehearseRequest`.
        required: whether the disk is refused if the boot would stop.
        off: whether it is left out.
    """
    if rehearsing(machine=machine, required=required, off=off) is None:
        return lambda _: {}
    chosen = RehearseRequest(machine=machine).chosen()

    def job(opened: OpenedDisk) -> dict[str, Any]:
        found = walked(opened, Opening(), chosen, opened.subject)
        del found["windows"]
        if required:
            require(found)
        return {"rehearsal": found}

    return job


def exit_code(record: Mapping[str, Any], *, unattended: bool = False) -> int:
    """Return the exit code of the command line.

    Args:
        record: the record of a rehearsal.
        unattended: whether a boot that would ask or wait fails, too.
    """
    failing = {"would stop"} | ({"would ask", "would wait"} if unattended else set())
    return CheckError.exit_code if record["verdict"] in failing else 0


def report_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of a rehearsal as `--report` keeps it: like that of a run that changed nothing.

    Args:
        record: the record of `rehearse`.
    """
    from reseal.operations.record import blank

    own = {"image", "windows", "seconds"}
    return {
        **blank("rehearse"),
        "result": "rehearsed",
        "summary": record["statement"],
        "image": record["image"],
        "windows": record["windows"],
        "timings": {"total": record["seconds"]},
        "rehearsal": {name: one for name, one in record.items() if name not in own},
    }


def walked(opened: Opened, opening: Opening, chosen: Chosen, subject: str) -> dict[str, Any]:
    """Open the Windows that would start, and walk; walk without one if none can be opened.

    Args:
        opened: the medium.
        opening: which Windows to walk.
        chosen: the machine.
        subject: name of the image in messages.

    Raises:
        ResealError: the Windows that was chosen can't be opened.
    """
    from reseal.operations.inspect import windows_facts
    from reseal.rehearsal import rehearse as walk_through

    disk = getattr(opened, "device", None)
    try:
        with opened.installations() as found:
            one = _started(found, opening, disk, subject)
            walk = walk_of(_session(one), chosen, one.disk)
            facts = _facts(lambda: windows_facts(one.installation))
            return {"windows": facts, **walk_through(walk)}
    except UsageError:
        raise
    except (CheckError, ImageError) as error:
        if opening.volume is not None:
            raise
        walk = walk_of(None, chosen, disk)
        walk.trouble = error.message.removesuffix(" Nothing was changed.")
        walk.absent = isinstance(error, NoWindowsError)
        return {"windows": None, **walk_through(walk)}


def _facts(read: Any) -> dict[str, Any] | None:
    """Return facts about the Windows; None if its hives can't be read, which a stage says."""
    try:
        return dict(read())
    except (ResealError, ValueError):
        return None


def _started(found: list[Found], opening: Opening, disk: Device | None, subject: str) -> Found:
    """Return the Windows that was chosen, else the one that the boot store starts."""
    from reseal.run.opening import choose

    if opening.volume is not None or len(found) == 1 or disk is None:
        return choose(found, opening.volume, subject)
    from reseal.rehearsal.default import default_windows

    return default_windows(found) or found[0]


def _session(one: Found) -> Session:
    from reseal.run.options import RunOptions
    from reseal.run.work import session_of

    return session_of(one, RunOptions(dry_run=True))
