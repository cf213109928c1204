"""What became of a driver package."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What was done with a package."""

    REGISTERED = "registered"
    STAGED = "staged"
    PRESENT = "present"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class AddedPackage:
    """One package of the folder.

    Attributes:
        inf: the path of its INF file in the folder.
        outcome: `registered`: starts at boot, and staged; `staged`: for the first boot; `present`: the
            image starts that driver at boot already, and staged; `left out`.
        reason: why, a whole sentence.
        class_name: such as `SCSIAdapter`; None where the file names none, as below.
        provider: who made it.
        version: four numbers with dots.
        date: in ISO form.
        devices: how many ids of devices it names.
        services: the drivers that start at boot with it.
        warnings: what the person should know, whole sentences.
    """

    inf: str
    outcome: Outcome
    reason: str
    class_name: str | None = None
    provider: str | None = None
    version: str | None = None
    date: str | None = None
    devices: int = 0
    services: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The package as plain data."""
        return {**asdict(self), "outcome": self.outcome.value}
