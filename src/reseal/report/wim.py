"""What was captured or applied, as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reseal.operations import sizes
from reseal.report.outcome import Warned, short, warned


def captured(record: dict[str, Any], *, verbose: bool = False) -> Iterator[str]:
    """Describe the result of `reseal capture`."""
    size = sizes.shown(record["size"])
    yield (
        f"{record['wim']} has {record['image']['path']} as image {record['index']} "
        f"({record['name'] or 'without a name'}): {size}, {record['timings']['total']:.1f} s."
    )
    yield from warned(map(Warned, record["notes"]), verbose=verbose)


def applied(record: dict[str, Any], *, verbose: bool = False) -> Iterator[str]:
    """Describe the result of `reseal apply`."""
    size = sizes.shown(record["bytes"])
    yield (
        f"Image {record['index']} of {record['wim']} was applied to {record['target']}: {size} in "
        f"{record['timings']['total']:.1f} s."
    )
    yield from short((f"Note: {note}" for note in record["notes"]), verbose=verbose)
