"""The pages on threats and survival name tests; each of them exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "docs" / "explanation" / name for name in ("threat-model.md", "survival.md")]
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def _tests(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_named_test_exists(page: Path) -> None:
    named = NAMED.findall(page.read_text())
    assert named
    for file, test in named:
        assert (ROOT / file).is_file(), file
        assert not test or test in _tests(ROOT / file), f"{file}::{test}"


def test_every_claim_names_a_test() -> None:
    text = PAGES[0].read_text()
    rows = [
        line
        for line in text.splitlines()
        if line.startswith("| ") and not line.startswith(("| Claim", "|---"))
    ]
    assert len(rows) > 15
    for row in rows:
        assert NAMED.search(row), row
