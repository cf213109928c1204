r"""Recipes: steps in a TOML file, in order.

Each step is a table `[[step]]` with one key, the step's name. Its value is a table of the arguments, the
text itself for a step with one argument, or `true` for a step without arguments. Paths of this machine are
relative to the recipe's folder.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from reseal.customize.step import Given, Step
from reseal.customize.steps import STEPS
from reseal.errors import UsageError
from reseal.hostfile import open_regular

_TABLE = "step"
_MAX_RECIPE = 1 << 20
_MAX_STEPS = 10_000
_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*step[ \t]*\]\]", re.MULTILINE)


def load(file: Path) -> list[Given]:
    """Read a recipe and check all of it against the declarations of the steps.

    Raises:
        UsageError: it can't be read, is not TOML, or a step is wrong; the message names file and line.
    """
    try:
        with open_regular(file) as opened:
            data = opened.read(_MAX_RECIPE + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        msg = f"{file} can't be read: {error.strerror}."
        raise UsageError(msg, "Name a readable recipe.") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{file} is not a recipe: it is not in UTF-8.", "Save it as UTF-8."
        ) from error
    if len(data) > _MAX_RECIPE:
        raise UsageError(f"{file} is not a recipe: it is larger than 1 MiB.", "Name another file.")
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said = str(error)
        line = re.search(r"at line (\d+)", said)
        where = f"{file}:{line[1]}" if line else str(file)
        raise UsageError(f"{where}: {said}.", "Correct the line; recipes are TOML.") from error
    steps = content.get(_TABLE, [])
    for name in content:
        if name != _TABLE:
            line_of = _line(text, 0, name)
            msg = f"{file}:{line_of}: unknown table or key {name!r}."
            raise UsageError(msg, "A recipe consists of tables [[step]], each with one key.")
    if not isinstance(steps, list) or not steps or len(steps) > _MAX_STEPS:
        raise UsageError(f"{file}: the recipe has no steps.", "Begin each step with [[step]].")
    starts = _starts(text, len(steps))
    return [_given(file, text, start, one) for start, one in zip(starts, steps, strict=True)]


def _starts(text: str, count: int) -> list[int]:
    """Return where each step begins.

    A header inside a multi-line string does not count: the text before it is not valid TOML.
    """
    found = [match.start() for match in _HEADER.finditer(text)]
    if len(found) == count:
        return found
    return [at for at in found if _is_whole(text[:at])][:count] + [0] * max(0, count - len(found))


def _is_whole(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _line(text: str, start: int, key: str) -> int:
    """Return the first line after a place in which a key is set, or that place's line.

    Args:
        text: the recipe.
        start: the place.
        key: the key.
    """
    match = re.compile(rf"^[ \t]*[\"']?{re.escape(key)}[\"']?[ \t]*[=.]", re.MULTILINE).search(
        text, start
    )
    return text.count("\n", 0, match.start() if match else start) + 1


def _given(file: Path, text: str, start: int, table: Any) -> Given:
    if not isinstance(table, dict) or len(table) != 1:
        where = f"{file}:{text.count(chr(10), 0, start) + 1}"
        msg = f"{where}: a step needs exactly one key, its name."
        raise UsageError(
            msg, r"For example: copy-in = { host = 'agent.msi', guest = 'C:\Install' }"
        )
    ((name, value),) = table.items()
    where = f"{file}:{_line(text, start, name)}"
    if name not in STEPS:
        msg = f"{where}: unknown step {name!r}."
        raise UsageError(msg, f"The steps are {', '.join(STEPS)}.")
    one = STEPS[name]
    return one.given(_values(one, value, where), f"{where}: {name}", file.absolute().parent)


def _values(one: Step, value: Any, where: str) -> dict[str, str]:
    names = [argument.name for argument in one.arguments]
    hint = f"Write: {example(one)}"
    if not names:
        if value is not True:
            raise UsageError(f"{where}: {one.id} takes no arguments.", hint)
        return {}
    if len(names) == 1 and not isinstance(value, dict):
        value = {names[0]: value}
    if not isinstance(value, dict):
        raise UsageError(f"{where}: {one.id} takes {', '.join(names)}.", hint)
    for key in value:
        if key not in names:
            raise UsageError(f"{where}: {one.id} has no argument {key!r}.", hint)
    for key in names:
        if key not in value:
            raise UsageError(f"{where}: {one.id} needs {key!r}.", hint)
        given = value[key]
        if isinstance(given, bool) or not isinstance(given, (str, int)):
            raise UsageError(f"{where}: {key} of {one.id} is not a text.", hint)
    return {key: str(value[key]) for key in names}


def example(one: Step) -> str:
    """Return the step's example as a line of a recipe."""
    if not one.arguments:
        return f"{one.id} = true"
    values = one.parse(one.example, one.id, Path()).values
    if len(values) == 1:
        return f"{one.id} = {_quoted(next(iter(values.values())))}"
    inside = ", ".join(f"{key} = {_quoted(text)}" for key, text in values.items())
    return f"{one.id} = {{ {inside} }}"


def _quoted(text: str) -> str:
    if "'" not in text:
        return f"'{text}'"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
