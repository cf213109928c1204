"""The result of adding a driver package."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a package was added."""

    REGISTERED = "registered"
    STAGED = "staged"
    PRESENT = "present"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class AddedPackage:
    """One package of the folder.

    Attributes:
        inf: the path of its INF file in the folder.
        outcome: `registered`: staged, and starts at boot; `staged`: for the first boot; `present`:
            staged, and the image already starts this driver at boot; `left out`.
        reason: the reason, a whole sentence.
        class_name: such as `SCSIAdapter`; None if the file names none; likewise below.
        provider: its manufacturer.
        version: four numbers separated by dots.
        date: in ISO form.
        devices: the number of device ids that it names.
        services: its drivers that start at boot.
        warnings: things that the user should know, whole sentences.
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
        """Return the package as plain data."""
        return {**asdict(self), "outcome": self.outcome.value}
