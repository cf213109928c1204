"""A fixed budget for every parser, the same inputs every time; `make fuzz` for more."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.fuzz.exercise import inputs, tried
from tests.fuzz.targets import TARGETS

#: Inputs that were surprises once, by what they were.
FOUND = {
    "$MFT without content": ("ntfs", bytes.fromhex("02010b2501")),
    "a journal that leads out of the folder": (
        "undo",
        (
            b'{"op": "file", "names": ["..", "..", "outside"], "copy": "1.data", "mode": 420,'
            b' "accessed": 1, "modified": 2}\n'
        ),
    ),
    "a journal with attributes that are not a number": (
        "undo",
        b'{"op": "attributes", "names": ["a"], "attributes": null}\n',
    ),
    "a journal with a slash in a name": (
        "undo",
        b'{"op": "created", "names": ["a/../../../outside"], "folder": false}\n',
    ),
}


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_is_a_surprise(name: str) -> None:
    for number, data in islice(inputs(name), TARGETS[name].budget):
        tried(name, number, data)


@pytest.mark.parametrize("what", FOUND)
def test_no_surprise_comes_back(what: str) -> None:
    name, data = FOUND[what]
    tried(name, 0, data)
