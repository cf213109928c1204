"""The work of a run as plain data: the golden image, the output format, and each machine.

Every worker receives the plan once, then one machine at a time, both as JSON.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

#: Formats of clones, with their suffixes.
FORMATS = ("qcow2", "vhdx", "raw")


@dataclass(frozen=True, slots=True)
class ClonePlan:
    """The common data of all machines of a run.

    Attributes:
        golden: the resolved path of the image that they are made from.
        output_dir: the resolved folder for the clones.
        format: the format of each clone, one of `FORMATS`.
        thin: whether a clone is an overlay over the golden image.
        volume: the Windows, in the form of `--volume`.
        allow_backing: whether the golden image may have backing files outside its folder.
        all_volumes: whether a SID that is changed at once is changed on volumes without a profile, too.
        now: whether the clones are changed completely at once, where Windows is not needed.
        templates: answer files by name, as base64.
        drivers: a resolved folder whose driver packages every machine gets; None for none.
        languages: the golden image's languages; empty if they are not known.
    """

    golden: str
    output_dir: str
    format: str = "qcow2"
    thin: bool = True
    volume: str | None = None
    allow_backing: bool = False
    all_volumes: bool = False
    now: bool = False
    templates: dict[str, str] = field(default_factory=dict, repr=False)
    drivers: str | None = None
    languages: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain data."""
        return asdict(self)

    def output(self, name: str) -> Path:
        """Return the path of a machine's image."""
        return Path(self.output_dir) / f"{name}.{self.format}"


@dataclass(frozen=True, slots=True)
class FleetMachine:
    """One machine of a fleet: as the table requests it and, once planned, as a worker makes it.

    Attributes:
        name: its computer name; `*` until a random one is drawn.
        sid: its SID, or `pending` if Windows generates it. Before planning, the table's word `new`, or empty
            if the run decides; after planning, None if the SID stays.
        key: identifies the row in a later run, without secrets; after planning, the seed of its random
            numbers.
        template: the name of its answer file in the plan; None for the image's own.
        variables: values of the template's variables; the plan adds name and SID.
        answers: values for settings of its answer file, by column of the table.
        mac: its MAC address as Windows writes it, or None.
        addresses: its IP addresses, without prefix lengths.
        domain: its domain, or None.
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
        """Return the machine as plain data."""
        return asdict(self)
