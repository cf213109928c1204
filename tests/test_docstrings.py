"""Public functions with three or more parameters document them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

_SOURCE = Path(__file__).parent.parent / "src" / "reseal"
_FEWEST = 3


def _undocumented(text: str) -> list[str]:
    """Name the public functions of a module whose parameters are not documented."""
    found: list[str] = []

    def visit(body: list[ast.stmt]) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                visit(node.body)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _lacks(node):
                found.append(node.name)

    visit(ast.parse(text).body)
    return found


def _lacks(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    named = [one.arg for one in every if one.arg not in {"self", "cls"}]
    if function.name.startswith("_") or len(named) < _FEWEST:
        return False
    # Options of the command line have their own help.
    decorators = " ".join(map(ast.unparse, function.decorator_list))
    if "command" in decorators or "click" in decorators:
        return False
    about = ast.get_docstring(function) or ""
    return not ("Args:" in about or "see " in about.lower() or "as for" in about.lower())


_BARE = '"""Add."""'
_ARGS = '"""Add.\n\n    Args:\n        a: one.\n    """'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"def add(a, b, c):\n    {_BARE}\n", ["add"]),
        ("def add(a, b, c):\n    pass\n", ["add"]),
        (f"def add(a, /, b, *, c):\n    {_BARE}\n", ["add"]),
        (f"async def add(a, b, c):\n    {_BARE}\n", ["add"]),
        (f"class Sum:\n  def add(self, a, b, c):\n    {_BARE}\n", ["add"]),
        (f"class Sum:\n  @classmethod\n  def add(cls, a, b, c):\n    {_BARE}\n", ["add"]),
        (f"def add(a, b, c):\n    {_ARGS}\n", []),
        ('def add(a, b, c):\n    """See `Sum.add`."""\n', []),
        (f"class Sum:\n  def add(self, a, b):\n    {_BARE}\n", []),
        (f"def _add(a, b, c):\n    {_BARE}\n", []),
        (f"class _Sum:\n  def add(self, a, b, c):\n    {_BARE}\n", []),
        (f"@command('add')\ndef add(a, b, c):\n    {_BARE}\n", []),
    ],
)
def test_what_counts_as_undocumented(text: str, expected: list[str]) -> None:
    assert _undocumented(text) == expected


def test_every_public_function_documents_its_parameters() -> None:
    files = sorted(_SOURCE.rglob("*.py"))
    assert files
    missing = [
        f"{file.relative_to(_SOURCE)}: {name}"
        for file in files
        for name in _undocumented(file.read_text(encoding="utf-8"))
    ]
    assert not missing
