"""Drivers as text: those that were added, and those that an image starts at boot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reseal.operations.record import DriverRecord
from reseal.report.outcome import plural, some

#: How many driver packages get a line of their own.
_SHOWN = 4

#: How ready the drivers of a controller are, as `reseal.drivers.storage.Ready` names it, and as it is
#: shown.
_STARTS = "starts"
_READY = {
    _STARTS: "start at boot",
    "switched off": "switched off by the last hardware",
    "missing": "missing",
}


def storage_lines(record: dict[str, Any]) -> Iterator[str]:
    """Yield how ready the storage drivers of an image are."""
    label = "Storage"
    for ready, said in _READY.items():
        names = [one["name"] for one in record["controllers"] if one["ready"] == ready]
        if ready == _STARTS:
            names += record["others"]
        if names:
            yield f"{label:<9} {said}: {some(names)}"
            label = ""


def added_lines(packages: list[DriverRecord], *, verbose: bool) -> Iterator[str]:
    """Yield the outcome of each package; packages that don't fit the image are counted."""
    left_out = [one for one in packages if one["outcome"] == "left out"]
    added = [one for one in packages if one["outcome"] != "left out"]
    for one in added if verbose else added[:_SHOWN]:
        version = f" {one['version']}" if one["version"] else ""
        yield f"Driver {one['inf']}{version}: {one['outcome']}. {one['reason']}"
    if not verbose and len(added) > _SHOWN:
        rest = [one["inf"] for one in added[_SHOWN:]]
        yield f"{plural(len(rest), 'more driver package')}: {some(rest)}."
    if left_out:
        first = left_out[0]
        count = plural(len(left_out), "other driver package")
        yield f"{count} left out; {first['inf']}: {first['reason']}"
