"""Drivers in records: those that were added, and those that an image starts at boot."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from reseal.drivers.storage import Ready, other_drivers, storage_drivers
from reseal.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.windows import Installation


def storage(installation: Installation) -> dict[str, Any] | None:
    """What an image has for the storage controllers of common machines; None where it can't tell.

    Returns:
        `controllers`: name, machines, ready (`starts`, `switched off`, `missing`) and services of each;
        `others`: drivers of other controllers that start at boot.
    """

    def exists(path: str) -> bool:
        stat = installation.tree.stat(path)
        return stat is not None and not stat.is_directory

    try:
        found = storage_drivers(installation.registry, exists)
        if not found:
            return None
        others = other_drivers(installation.registry, exists, found)
    except ImageError:
        return None
    controllers = [
        {
            "name": one.controller.name,
            "machines": one.controller.machines,
            **{name: value for name, value in asdict(one).items() if name != "controller"},
        }
        for one in found
    ]
    return {"controllers": controllers, "others": others}


def storage_lines(record: dict[str, Any]) -> Iterator[str]:
    """What `reseal inspect` says of them."""
    words = {
        Ready.STARTS: "start at boot",
        Ready.SWITCHED_OFF: "switched off by the last hardware",
        Ready.MISSING: "missing",
    }
    label = "Storage"
    for ready, said in words.items():
        names = [one["name"] for one in record["controllers"] if one["ready"] == ready.value]
        if ready is Ready.STARTS:
            names += record["others"]
        if names:
            yield f"{label:<9} {said}: {', '.join(names)}"
            label = ""


def added_lines(packages: list[dict[str, Any]]) -> Iterator[str]:
    """What became of each package; those that are not for the image are counted."""
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
