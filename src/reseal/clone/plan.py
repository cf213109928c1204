"""What a run makes: the golden image, the outputs' form, and each machine, as plain data.

A plan goes to every worker once, a machine when its turn comes; both travel as JSON.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

#: Formats of clones, with their suffixes.
FORMATS = ("qcow2", "vhdx", "raw")


@dataclass(frozen=True, slots=True)
class ClonePlan:
    """What all machines of a run have in common.

    Attributes:
        golden: the image that they are made of, resolved.
        output_dir: the folder that they go to, resolved.
        format: of each clone, one of `FORMATS`.
        thin: whether a clone is an overlay over the golden image.
        volume: which Windows, as `--volume` names it.
        allow_backing: whether the golden image may have backing files elsewhere.
        now: whether all is done in the clones that Windows need not do.
        templates: answer files by their names, as base64.
        drivers: a folder whose driver packages every machine gets, resolved; None for none.
        languages: that the golden image has; empty where that is not known.
    """

    golden: str
    output_dir: str
    format: str = "qcow2"
    thin: bool = True
    volume: str | None = None
    allow_backing: bool = False
    now: bool = False
    templates: dict[str, str] = field(default_factory=dict, repr=False)
    drivers: str | None = None
    languages: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The plan as plain data."""
        return asdict(self)

    def output(self, name: str) -> Path:
        """Where a machine's image goes."""
        return Path(self.output_dir) / f"{name}.{self.format}"


@dataclass(frozen=True, slots=True)
class FleetMachine:
    """One machine of a fleet: as the table wants it, and, once it is planned, as a worker makes it.

    Attributes:
        name: its computer name; `*` until a random one is drawn.
        sid: its SID, or `pending` where Windows draws it; in the table's words `new`, or empty where
            the run decides, until it is planned, and then None where it stays.
        key: by which a later run knows the row again, without secrets; then what its random numbers
            come from.
        template: the answer file, by its name in the plan; None for the image's own.
        variables: values of the template's variables; name and SID are added by the plan.
        answers: values for settings of its answer file, by column of the table.
        mac: as Windows writes it, or None.
        addresses: without the length of their prefix.
        domain: or None.
        place: `file:line:column`.
    """

    name: str
    sid: str | None
    key: str = field(repr=False)
    template: str | None = None
    variables: dict[str, str] = field(default_factory=dict, repr=False)
    answers: dict[str, list[str]] = field(default_factory=dict, repr=False)
    mac: str | None = None
    addresses: tuple[str, ...] = ()
    domain: str | None = None
    place: str = ""

    def to_json(self) -> dict[str, Any]:
        """The machine as plain data."""
        return asdict(self)
