"""The examples of `examples.toml`."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import NamedTuple


class Example(NamedTuple):
    """One example.

    Attributes:
        says: its purpose, without a full stop.
        line: the command line.
        exit_code: its exit code on a machine that was never generalized.
    """

    says: str
    line: str
    exit_code: int = 0


_TABLES = tomllib.loads(resources.files("reseal.cli").joinpath("examples.toml").read_text("utf-8"))
#: By command, without `reseal`.
EXAMPLES = {name: tuple(Example(**one) for one in found) for name, found in _TABLES.items()}
