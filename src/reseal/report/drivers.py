"""Drivers as text: those that were added, and those that an image starts at boot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reseal.operations.record import DriverRecord

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
            yield f"{label:<9} {said}: {', '.join(names)}"
            label = ""


def added_lines(packages: list[DriverRecord]) -> Iterator[str]:
    """Yield the outcome of each package; packages that don't fit the image are counted."""
    left_out = [one for one in packages if one["outcome"] == "left out"]
    for one in packages:
        if one["outcome"] != "left out":
            version = f" {one['version']}" if one["version"] else ""
            yield f"Driver {one['inf']}{version}: {one['outcome']}. {one['reason']}"
    if left_out:
        first = left_out[0]
        yield (
            f"{len(left_out)} other driver package{'' if len(left_out) == 1 else 's'} left out; "
            f"{first['inf']}: {first['reason']}"
        )
