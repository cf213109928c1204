"""What every provider does, from the declarations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from reseal.providers import Provider

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


def text(record: dict[str, Any], *, verbose: bool = False) -> Iterator[str]:
    """Yield the lines of `reseal providers`: a line each, or everything about one or with `verbose`."""
    if verbose or len(record["providers"]) == 1:
        for one in record["providers"]:
            yield from _whole(one)
        return
    for default, heading in ((True, "On by default:"), (False, "Off by default (--enable NAME):")):
        chosen = [one for one in record["providers"] if one["default"] is default]
        if chosen:
            yield heading
            width = max(len(one["id"]) for one in chosen)
            yield from (f"  {one['id']:<{width}}  {one['title']}" for one in chosen)
            yield ""
    yield "`reseal providers NAME` explains one, with its source."


def _whole(one: dict[str, Any]) -> Iterator[str]:
    state = "on by default" if one["default"] else "off by default"
    yield f"{one['id']} ({state}{', beyond Sysprep' if one['beyond'] else ''})"
    yield f"{_INDENT}{one['title']}."
    for paragraph in one["description"].split("\n\n"):
        yield ""
        yield f"{_INDENT}{' '.join(paragraph.split())}"
    yield ""
    if one["renewal"]:
        yield f"{_INDENT}A new identity: {one['renewal']}"
    yield f"{_INDENT}Known: {one['mark']}. Source: {one['source']}."
    if one["entry_points"]:
        yield f"{_INDENT}Replaces: {', '.join(one['entry_points'])}."
    yield ""
