"""Where a new image goes: the form in which the next tool takes it.

Each destination is declared in the module of its name. It says which suffixes it takes, what form the disk
gets, and the files that go with it. What the image itself tells (firmware, edition, drivers) is in `machine`.
"""

from __future__ import annotations

from pathlib import Path

from reseal.declaration import declared
from reseal.destinations.declaration import Destination
from reseal.errors import UsageError

DESTINATIONS: tuple[Destination, ...] = declared(__name__, Destination)


def find(name: str | None, output: Path) -> Destination | None:
    """Return the destination of an output: the one that is named, or the only one of the suffix.

    Args:
        name: as `--for` names it; None to go by the suffix.
        output: the new image.

    Raises:
        UsageError: the name is not known, or takes no file of that suffix.
    """
    suffix = output.suffix.lower()
    if name is None:
        return next((one for one in DESTINATIONS if suffix in one.own_suffixes), None)
    found = next((one for one in DESTINATIONS if one.id == name.lower()), None)
    if found is None:
        msg = f"The destination {name} is not known."
        raise UsageError(msg, f"Use one of {', '.join(one.id for one in DESTINATIONS)}.")
    if suffix not in found.suffixes:
        known = [one or "no suffix, for a folder" for one in found.suffixes]
        msg = f"--for {found.id} does not take the output {output}."
        raise UsageError(msg, f"Name an output with {' or '.join(known)}.")
    return found
