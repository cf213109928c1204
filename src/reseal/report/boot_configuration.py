"""Boot configuration data as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def lines(record: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of `reseal bcd show`."""
    several = len(record["stores"]) > 1
    for index, one in enumerate(record["stores"]):
        if several:
            yield f"{one['path']} on volume {one['volume']} ({one['file_system']})"
        yield from one["lines"][not several and not index :]
        if several:
            yield ""


def changed(record: dict[str, Any], *, dry_run: bool) -> Iterator[str]:
    """Yield the lines of `reseal bcd set` and `delete`."""
    name = f"{record['object']} {record['element']}"
    before, after = (
        ", ".join(lines) if lines is not None else "absent"
        for lines in (record["before"], record["after"])
    )
    if not record["changed"]:
        yield f"{name} is {before} already; nothing was changed."
    else:
        yield f"{name}: {before} -> {after}{' (dry run: nothing was written)' if dry_run else ''}"
