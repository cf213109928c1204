"""Rehearse the boot of an image: where would it stop, ask or wait?"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reseal.errors import CheckError, ImageError, ResealError, UsageError
from reseal.operations.operation import Opening

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from reseal.disk import Device
    from reseal.rehearsal.machines import Machine
    from reseal.run.medium import Opened
    from reseal.run.opening import Found
    from reseal.session import Session
    from reseal.worker import Report

FIRMWARE = ("uefi", "bios")


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearseRequest:
    """The machine of a rehearsal.

    Attributes:
        machine: the name of a machine, or a file that describes one; None for any.
        firmware: `uefi` or `bios`; None for what the machine has and the disk needs.
        secure_boot: `2011`, `2023` or `off`; None for what the machine has by default.
    """

    machine: str | None = None
    firmware: str | None = None
    secure_boot: str | None = None

    def chosen(self) -> Chosen:
        """Return the machine that this describes.

        Raises:
            UsageError: the machine or an option is not known, or they contradict each other.
        """
        from reseal.rehearsal import machines

        machine = machines.find(self.machine) if self.machine else None
        if self.firmware is not None and self.firmware not in FIRMWARE:
            msg = f"The firmware {self.firmware} is not known."
            raise UsageError(msg, f"Use {' or '.join(FIRMWARE)}.")
        if machine and self.firmware and self.firmware not in machine.firmware:
            msg = f"The machine {machine.name} has no {self.firmware.upper()}."
            raise UsageError(msg, f"Its firmware is {' or '.join(machine.firmware)}.")
        if self.secure_boot is not None and self.secure_boot not in machines.SECURE_BOOT:
            msg = f"--secure-boot {self.secure_boot} is not known."
            raise UsageError(msg, f"Use {', '.join(machines.SECURE_BOOT)}.")
        secure_boot = self.secure_boot or (machine.secure_boot if machine else None)
        return Chosen(machine, self.firmware, secure_boot)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A machine with its settings.

    Attributes:
        machine: the machine; None for any.
        firmware: `uefi` or `bios`; None to derive it.
        secure_boot: `2011`, `2023` or `off`; None if unknown.
    """

    machine: Machine | None
    firmware: str | None
    secure_boot: str | None


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
        return _walked(opened, opening, chosen, str(image))

    options = RunOptions(
        dry_run=True,
        index=opening.index,
        allow_backing=opening.allow_backing,
        keys=opening.keys,
    )
    start = time.perf_counter()
    record = read_opened(image, work, options)
    return {**record, "seconds": time.perf_counter() - start}


def of_session(session: Session, chosen: Chosen) -> dict[str, Any]:
    """Walk through the boot of a session's installation with its staged changes.

    Args:
        session: the session, after everything is staged.
        chosen: the machine.
    """
    from reseal.rehearsal import rehearse as walk_through

    return walk_through(_walk(session, chosen, session.disk))


def rehearsing(
    *, machine: str | None = None, required: bool = False, off: bool = False
) -> Callable[[Session], dict[str, Any]] | None:
    """Return the rehearsal at the end of another run; None if it is left out.

    Args:
        machine: the machine, as in `RehearseRequest`.
        required: whether the run is refused if the boot would stop.
        off: whether it is left out.

    Raises:
        UsageError: the machine is not known, or the options contradict each other.
    """
    if off and (machine or required):
        msg = "--no-rehearsal excludes --machine and --require-rehearsal."
        raise UsageError(msg, "Leave one of them out.")
    if off:
        return None
    chosen = RehearseRequest(machine=machine).chosen()

    def job(session: Session) -> dict[str, Any]:
        with session.step("Rehearsing the boot"):
            found = of_session(session, chosen)
        if required:
            require(found)
        return found

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
    from reseal.operations.record import NOT_PROVED, SCHEMA
    from reseal.version import __version__

    own = {"image", "windows", "seconds"}
    return {
        "schema": SCHEMA,
        "command": "rehearse",
        "reseal": __version__,
        "result": "rehearsed",
        "summary": record["statement"],
        "image": record["image"],
        "windows": record["windows"],
        "before": None,
        "after": None,
        "changes": [],
        "notes": [],
        "written": None,
        "traffic": None,
        "timings": {"total": record["seconds"]},
        "proved": [],
        "not_proved": list(NOT_PROVED),
        "rehearsal": {name: one for name, one in record.items() if name not in own},
    }


def require(record: Mapping[str, Any]) -> None:
    """Raise CheckError if the boot would stop."""
    if record["verdict"] == "would stop":
        msg = f"{record['statement']} Nothing was changed."
        raise CheckError(msg, "Correct it first, or leave --require-rehearsal out.")


def _walked(opened: Opened, opening: Opening, chosen: Chosen, subject: str) -> dict[str, Any]:
    """Open the Windows that would start, and walk; walk without one if none can be opened."""
    from reseal.operations.inspect import windows_facts
    from reseal.rehearsal import rehearse as walk_through

    disk = getattr(opened, "device", None)
    try:
        with opened.installations() as found:
            one = _started(found, opening, disk, subject)
            walk = _walk(_session(one), chosen, one.disk)
            facts = _facts(lambda: windows_facts(one.installation))
            return {"windows": facts, **walk_through(walk)}
    except UsageError:
        raise
    except (CheckError, ImageError) as error:
        if opening.volume is not None:
            raise
        walk = _walk(None, chosen, disk)
        walk.trouble = error.message
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


def _walk(session: Session | None, chosen: Chosen, disk: Device | None) -> Any:
    from reseal.rehearsal import Walk

    return Walk(
        session,
        disk=disk,
        machine=chosen.machine,
        asked_firmware=chosen.firmware,
        secure_boot=chosen.secure_boot,
    )
