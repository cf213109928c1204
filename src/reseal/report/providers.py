"""What every provider does, from the declarations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from reseal.providers import Provider
from reseal.report.changes import wrapped

_INDENT = "    "


def providers(declared: Iterable[Provider]) -> dict[str, Any]:
    """Describe providers as plain data.

    Returns:
        `providers`: a list with id, title, description, mark, source, default, beyond,
        identity, renewal and entry_points of each, in the order in which they run.
    """
    return {
        "providers": [
            {
                "id": one.id,
                "title": one.title,
                "description": one.description,
                "mark": one.mark.value,
                "source": one.source,
                "default": one.default,
                "beyond": one.beyond,
                "identity": one.identity,
                "renewal": one.renewal,
                "entry_points": list(one.entry_points),
            }
            for one in declared
        ]
    }


def text(record: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of `reseal providers`."""
    for one in record["providers"]:
        state = "on by default" if one["default"] else "off by default"
        yield f"{one['id']} ({state}{', beyond Sysprep' if one['beyond'] else ''})"
        yield f"{_INDENT}{one['title']}."
        for paragraph in one["description"].split("\n\n"):
            yield ""
            yield from wrapped(" ".join(paragraph.split()), _INDENT)
        yield ""
        if one["renewal"]:
            yield from wrapped(f"A new identity: {one['renewal']}", _INDENT)
        yield from wrapped(f"Known: {one['mark']}. Source: {one['source']}.", _INDENT)
        if one["entry_points"]:
            yield from wrapped(f"Replaces: {', '.join(one['entry_points'])}.", _INDENT)
        yield ""
