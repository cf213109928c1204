"""No function is more complex than a reader can hold, or says above it why it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from radon.complexity import cc_visit
from radon.visitors import Class, Function

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).parents[1] / "src" / "reseal"
MOST = 16
REASON = "# Complex: "


def functions(text: str) -> Iterator[Function]:
    """Every function and method, without those that are inside of others."""
    for block in cc_visit(text):
        if isinstance(block, Class):
            continue
        yield block


def unexplained(text: str) -> list[str]:
    """Functions above the bound without a reason right above them, or above their decorators."""
    lines = text.splitlines()
    found = []
    for one in functions(text):
        if one.complexity <= MOST:
            continue
        above = one.lineno - 2
        while lines[above].lstrip().startswith("@"):
            above -= 1
        if not lines[above].lstrip().startswith(REASON):
            found.append(one.fullname)
    return found


def test_what_is_complex_says_why() -> None:
    found = {
        f"{path.relative_to(SOURCE).as_posix()} {name}"
        for path in SOURCE.rglob("*.py")
        for name in unexplained(path.read_text())
    }
    assert sorted(found) == []


@pytest.mark.parametrize("count", [15, 16])
@pytest.mark.parametrize("head", ["", "@decorated\n", "# Complex: a reason.\n@decorated\n"])
def test_a_function_is_judged_by_its_branches(count: int, head: str) -> None:
    body = "".join(f"    if x == {number}:\n        return {number}\n" for number in range(count))
    text = f"\n\n{head}def f(x):\n{body}"
    assert unexplained(text) == (["f"] if count == 16 and REASON not in head else [])
