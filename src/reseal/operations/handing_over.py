"""A new image for the tool that takes it next."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reseal.destinations import find
from reseal.destinations.declaration import Destination
from reseal.disk.form import Form
from reseal.errors import UsageError
from reseal.wim import is_wim

if TYPE_CHECKING:
    from reseal.session import Session


@dataclass(frozen=True, slots=True)
class HandingOver:
    """An output and its destination.

    Attributes:
        destination: the tool or the cloud.
        output: the new image.
    """

    destination: Destination
    output: Path

    @classmethod
    def of(cls, image: Path, output: Path, name: str | None) -> HandingOver | None:
        """Return the output with its destination; None if it is just an image.

        Args:
            image: the source.
            output: the new image.
            name: the destination, as `--for` names it; None to go by the suffix.

        Raises:
            UsageError: the destination is not known or takes no such output, the source is not a disk
                image, or a file is in the way.
        """
        found = find(name, output)
        if found is None:
            return None
        if image.is_dir() or is_wim(image):
            msg = f"{image} is not a disk image, and {found.id} takes disks."
            raise UsageError(msg, "Make a disk of it first, with `reseal deploy`.")
        beside = found.beside_of(output)
        if beside and os.path.lexists(beside):
            msg = f"{beside} exists already; it would be written beside {output}."
            raise UsageError(msg, "Delete it, or name another output.")
        return cls(found, output)

    @property
    def beside(self) -> Path | None:
        """The file that is written beside the image."""
        return self.destination.beside_of(self.output)

    @property
    def form(self) -> Form:
        """What the output becomes."""
        one = self.destination
        return Form(
            format=one.suffixes[self.output.suffix.lower()],
            create=one.create,
            unit=one.unit,
            limit=one.limit,
            pack=self._pack if one.inside else None,
            inside=one.inside or "",
        )

    def describe(self, session: Session) -> dict[str, Any]:
        """Describe the machine in a session's image, for the record."""
        from reseal.destinations.machine import machine_of

        return {"for": self.destination.id, **machine_of(session).to_json()}

    def render(self, record: Mapping[str, Any]) -> str:
        """Return the file that is written beside the image."""
        from reseal.destinations.machine import Machine

        text: str = self.destination.run(Machine.from_json(record["destination"]), self.output)
        return text

    def next_step(self, record: Mapping[str, Any]) -> str:
        """Return a sentence on what to do with the output."""
        from reseal.destinations.machine import Machine
        from reseal.destinations.texts import bus_of

        machine = Machine.from_json(record["destination"])
        return self.destination.then.format(
            output=shlex.quote(str(self.output)),
            beside=shlex.quote(str(self.beside)),
            generation=2 if machine.firmware == "uefi" else 1,
            firmware=machine.firmware.upper(),
            bus=bus_of(machine),
            transport="oci-archive" if self.output.suffix else "oci",
        )

    def _pack(self, disk: Path, target: Path, facts: Mapping[str, Any]) -> None:
        from reseal.destinations.machine import Machine

        self.destination.run(disk, target, Machine.from_json(facts))
