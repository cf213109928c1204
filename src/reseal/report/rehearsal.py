"""The text of `reseal rehearse`: a stage a line, like a boot log."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the command line of every run loads this module
    from reseal.rehearsal.machines import Machine

#: The words at the start of a line, by result.
_SIGNS = {
    "passes": "passes",
    "can't be told": "  ?   ",
    "would ask": "ASKS  ",
    "would wait": "WAITS ",
    "would stop": "STOPS ",
}
_MARGIN = " " * 26
_WIDTH = 80


def lines(record: Mapping[str, Any], *, verbose: bool = False) -> Iterator[str]:
    """Yield the lines of a rehearsal.

    Args:
        record: the record.
        verbose: whether every fact is listed, with its mark and source.
    """
    image, windows = record["image"], record["windows"]
    name = (windows or {}).get("product_name") or "no Windows that could be opened"
    yield f"{image['path']}: {name}"
    yield " ".join(("Machine:", _machine(record)))
    yield ""
    for one in record["stages"]:
        yield from _wrapped(f"[{_SIGNS[one['result']]}] {one['name']:<16} ", one["said"])
        if one["result"] != "passes" or verbose:
            yield from _details(one, verbose=verbose)
    yield ""
    yield from _wrapped("", record["statement"])


def machines(known: tuple[Machine, ...]) -> Iterator[str]:
    """Yield the lines of `reseal rehearse --machine list`."""
    for one in known:
        yield f"{one.name:<16} {one.title} ({', '.join(one.firmware)})"


def _machine(record: Mapping[str, Any]) -> str:
    parts = [record["machine"] or "any"]
    if record["firmware"]:
        assumed = " (by its partition table)" if record["firmware_assumed"] else ""
        parts.append(f"{record['firmware'].upper()}{assumed}")
    if record["secure_boot"]:
        parts.append(f"Secure Boot {record['secure_boot']}")
    return ", ".join(parts)


def _details(one: Mapping[str, Any], *, verbose: bool) -> Iterator[str]:
    if one["hypothetical"]:
        yield f"{_MARGIN}(if an earlier stage did not stop)"
    if one["symptom"]:
        yield from _wrapped(_MARGIN, f"A person would see {one['symptom']}.")
    if one["cure"]:
        yield from _wrapped(_MARGIN, f"Cure: {one['cure']}")
    if not verbose:
        return
    for fact in one["facts"]:
        yield from _wrapped(f"{_MARGIN}- ", fact["text"])
        yield from _wrapped(f"{_MARGIN}  ", f"{fact['result']}; {fact['mark']}: {fact['source']}")


def _wrapped(start: str, text: str) -> Iterator[str]:
    """Wrap a text; its lines begin below each other."""
    lines = textwrap.wrap(
        text, _WIDTH - len(start), break_long_words=False, break_on_hyphens=False
    ) or [""]
    yield start + lines[0]
    yield from (" " * len(start) + one for one in lines[1:])
