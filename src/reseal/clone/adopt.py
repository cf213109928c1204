"""Take over a clone that an interrupted run finished but did not record."""

from __future__ import annotations

import hashlib
from pathlib import Path
from time import perf_counter
from typing import Any

from reseal.clone.plan import ClonePlan, FleetMachine
from reseal.errors import ImageError
from reseal.run import read
from reseal.run.opening import Found, choose
from reseal.sid import Pending
from reseal.windows import identity


def adopt(output: Path, machine: FleetMachine, plan: ClonePlan) -> dict[str, Any]:
    """Return what `Workshop.make` would have returned for a clone.

    Args:
        output: the file that exists already.
        machine: the machine that the file must be, as planned.
        plan: the common data of all machines of the run.

    Raises:
        ImageError: the file is something else.
    """
    start = perf_counter()
    if not output.is_file():
        msg = f"{output} exists and is not an image; it was left as it is."
        raise ImageError(msg, "Move it away, and run reseal again.")
    facts = read(
        output,
        lambda found: _identity(found, plan.volume, str(output)),
        # The golden image may be in any folder; its own backing files have already been checked.
        allow_backing=True,
    )
    facts.pop("image")
    chosen = machine.sid if machine.sid and machine.sid.startswith("S-") else None
    same_name = (facts["computer_name"] or "").upper() == machine.name.upper()
    if not same_name or (chosen and facts["machine_sid"] != chosen):
        msg = f"{output} exists and is not the machine {machine.name}; it was left as it is."
        raise ImageError(msg, "Move it away, and run reseal again.")
    return {
        "size": output.stat().st_size,
        "sha256": digest(output),
        "clusters": 0,
        "memory": 0,
        "outcome": facts | {"computer_name": machine.name, "warnings": [], "left": []},
        "seconds": perf_counter() - start,
    }


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _identity(found: list[Found], volume: str | None, subject: str) -> dict[str, Any]:
    registry = choose(found, volume, subject).installation.registry
    pending = Pending.of(registry)
    sid = pending.chosen if pending.requested else identity.machine_sid(registry)
    return {
        "computer_name": registry.text(identity.COMPUTER_NAME, "ComputerName"),
        "machine_sid": str(sid) if sid else None,
        "sid_when": "next boot" if pending.requested else "now",
        "machine_guid": registry.text(identity.CRYPTOGRAPHY, "MachineGuid"),
    }
