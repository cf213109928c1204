"""Write the reference of the steps of customizing, from what they declare.

Usage: python tools/customize_steps.py > docs/reference/customize-steps.md
"""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

from reseal.customize import STEPS, Step
from reseal.customize.recipe import example

if TYPE_CHECKING:
    from collections.abc import Iterator


def lines() -> Iterator[str]:
    """Yield the lines of the page."""
    yield "# Steps of customizing"
    yield ""
    yield "Made by `tools/customize_steps.py` from what each step declares. Every step is an option of"
    yield "`reseal customize` and `reseal generalize`, and a key of a recipe's `[[step]]`. Steps are done in"
    yield "the order given, across all options."
    group = None
    for one in STEPS.values():
        if one.group != group:
            group = one.group
            yield from ("", f"## {group}")
        yield from _step(one)


def _step(one: Step) -> Iterator[str]:
    yield from ("", f"### {one.id}", "", one.description, "")
    for argument in one.arguments:
        yield f"- `{argument.name}`: {argument.help}"
    if one.arguments:
        yield ""
    words = " ".join((f"--{one.id}", *map(shlex.quote, one.example)))
    yield from ("```sh", f"reseal customize image.qcow2 {words}", "```", "")
    yield from ("```toml", "[[step]]", example(one), "```", "")
    yield f"Known: {one.mark}; {one.source}."


def page() -> str:
    """The whole page."""
    return "\n".join(lines()) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
