"""What a deploy run made, as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reseal.operations import sizes
from reseal.report import drivers
from reseal.report.outcome import shown


def lines(record: dict[str, Any], *, verbose: bool = False) -> Iterator[str]:
    """Yield the lines of `reseal deploy`."""
    size = sizes.shown(record["image"]["size"])
    done = [
        f"{record['summary']} ({size}, {record['timings']['total']:.2f} s)",
        "Proved: structure. Not proved: a boot (Windows did not run here).",
    ]
    yield from shown(record, done, _details(record, verbose=verbose), verbose=verbose)


def _details(record: dict[str, Any], *, verbose: bool) -> Iterator[str]:
    for one in record["partitions"]:
        role = one.get("role") or one["name"] or one["type"]
        yield f"  {one['number']}  {role:<12} {sizes.shown(one['size']):>10}  at {sizes.shown(one['offset'])}"
    if record["result"] == "deployed":
        boot, windows = record["boot"], record["windows"]
        name = windows["product_name"] or "Windows"
        yield f"{name} is drive {windows['drive']} on it; its boot menu is in {boot['locale']}."
        yield f"{boot['files']} boot files and the store {boot['store']} are on the system partition."
    yield from drivers.added_lines(record.get("drivers") or [], verbose=verbose)
