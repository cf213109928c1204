"""How far inputs get into a parser: the share of its lines that damaged inputs reach.

A mutator whose inputs all fail at a checksum or a signature proves nothing about what lies behind it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.exercise import inputs, tried
from tests.fuzz.targets import TARGETS

#: Damaged inputs that are looked at.
LOOKED_AT = 60


def reached(name: str, count: int = LOOKED_AT) -> float:
    """Return which share of the lines that whole inputs run damaged ones run, too."""
    target = TARGETS[name]
    seeds = target.seeds()
    places = _places(target.of)
    whole = _lines(name, enumerate(seeds[:8]), places)
    damaged = _lines(name, islice(inputs(name), len(seeds), len(seeds) + count), places)
    assert whole, f"no line of {target.of} was run"
    return len(whole & damaged) / len(whole)


def _places(modules: tuple[str, ...]) -> tuple[str, ...]:
    found = []
    for name in modules:
        __import__(name)
        path = Path(str(sys.modules[name].__file__))
        found.append(str(path.parent if path.name == "__init__.py" else path))
    return tuple(found)


def _lines(
    name: str, some: Iterable[tuple[int, bytes]], places: tuple[str, ...]
) -> set[tuple[str, int]]:
    seen: set[tuple[str, int]] = set()

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        file = frame.f_code.co_filename
        if not file.startswith(places):
            return None
        if event == "line":
            seen.add((file, frame.f_lineno))
        return trace

    before = sys.gettrace()
    for number, data in some:
        sys.settrace(trace)
        try:
            with suppress(AssertionError):  # fuzzing itself reports it
                tried(name, number, data)
        finally:
            sys.settrace(before)
    return seen
