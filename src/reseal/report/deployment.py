"""The record of a deploy run, and what a person sees of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reseal.report import drivers, sizes
from reseal.report.record import NOT_PROVED, PROVED, SCHEMA
from reseal.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

_MADE = (
    "The disk: every boot file was read back from the system partition; the boot store holds to all rules "
    "of a hive; the volumes were opened again."
)


def complete(record: dict[str, Any]) -> dict[str, Any]:
    """Make what `reseal.deploy` returns a record that `--report` can keep."""
    path = record["image"]["path"]
    if record["result"] == "resized":
        summary = f"{path} is made; its Windows volume is {sizes.shown(record['grown'])} larger."
    else:
        summary = f"{path} is made; it starts Windows by {record['firmware'].upper()}."
    return {
        "schema": SCHEMA,
        "command": "deploy",
        "reseal": __version__,
        "summary": summary,
        "traffic": None,
        "proved": [_MADE, *PROVED],
        "not_proved": list(NOT_PROVED),
        **record,
        "notes": [*record.get("warnings", ()), *record["notes"]],
    }


def lines(record: dict[str, Any]) -> Iterator[str]:
    """Tell what disk was made, and what to know of it."""
    for one in record["partitions"]:
        role = one.get("role") or one["name"] or one["type"]
        yield f"  {one['number']}  {role:<12} {sizes.shown(one['size']):>10}  at {sizes.shown(one['offset'])}"
    if record["result"] == "deployed":
        boot, windows = record["boot"], record["windows"]
        name = windows["product_name"] or "Windows"
        yield f"{name} is drive {windows['drive']} on it; its boot menu speaks {boot['locale']}."
        yield f"{boot['files']} boot files and the store {boot['store']} are on the system partition."
    yield from drivers.added_lines(record.get("drivers") or [])
    for note in record["notes"]:
        yield f"{'Warning' if note in record.get('warnings', ()) else 'Note'}: {note}"
    size = record["image"]["size"]
    yield f"{record['summary']} ({sizes.shown(size)}, {record['timings']['total']:.2f} s)"
    yield "Proved: structure. Not proved: a boot (Windows did not run here)."
