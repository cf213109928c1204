"""The machine of a rehearsal, and the rehearsal at the end of another run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reseal.errors import CheckError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from reseal.disk import Device
    from reseal.rehearsal import Walk
    from reseal.rehearsal.machines import Machine
    from reseal.rehearsal.signature_lists import Lists
    from reseal.session import Session

FIRMWARE = ("uefi", "bios")


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearseRequest:
    """The machine of a rehearsal.

    Attributes:
        machine: the name of a machine, or a file that describes one; None for any.
        firmware: `uefi` or `bios`; None for what the machine has and the disk needs.
        secure_boot: `2011`, `2023` or `off`; None for what the machine has by default.
        dbx: a file with what its firmware has revoked; None for what the machine has.
    """

    machine: str | None = None
    firmware: str | None = None
    secure_boot: str | None = None
    dbx: Path | None = None

    def chosen(self) -> Chosen:
        """Return the machine that this describes.

        Raises:
            UsageError: the machine or an option is not known, or they contradict each other.
        """
        from reseal.rehearsal import machines
        from reseal.rehearsal.signature_lists import read

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
        if self.dbx and secure_boot == "off":
            msg = "Secure Boot is off, so --dbx has no effect."
            raise UsageError(msg, "Leave one of them out.")
        dbx = read(self.dbx) if self.dbx else machine.dbx if machine else None
        return Chosen(machine, self.firmware, secure_boot, dbx)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A machine with its settings.

    Attributes:
        machine: the machine; None for any.
        firmware: `uefi` or `bios`; None to derive it.
        secure_boot: `2011`, `2023` or `off`; None if unknown.
        dbx: what its firmware has revoked; None if unknown.
    """

    machine: Machine | None
    firmware: str | None
    secure_boot: str | None
    dbx: Lists | None = None


def of_session(session: Session, chosen: Chosen) -> dict[str, Any]:
    """Walk through the boot of a session's installation with its staged changes.

    Args:
        session: the session, after everything is staged.
        chosen: the machine.
    """
    from reseal.rehearsal import rehearse as walk_through

    return walk_through(walk_of(session, chosen, session.disk))


def walk_of(session: Session | None, chosen: Chosen, disk: Device | None) -> Walk:
    """Return the walk on an image.

    Args:
        session: the opened installation; None if there is none.
        chosen: the machine.
        disk: the whole disk; None for a folder.
    """
    from reseal.rehearsal import Walk

    return Walk(
        session,
        disk=disk,
        machine=chosen.machine,
        asked_firmware=chosen.firmware,
        secure_boot=chosen.secure_boot,
        dbx=chosen.dbx,
    )


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


def require(record: Mapping[str, Any]) -> None:
    """Raise CheckError if the boot would stop."""
    if record["verdict"] == "would stop":
        msg = f"{record['statement']} Nothing was changed."
        raise CheckError(msg, "Correct it first, or leave --require-rehearsal out.")
