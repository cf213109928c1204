r"""Recipes: steps in a TOML file, in their order.

Each step is a table `[[step]]` with one key, the step's name. Its value is a table of the arguments; the
text itself, where there is one argument; or `true`, where there is none. Paths of this machine start from
the recipe's folder.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reseal.customize.steps import STEPS
from reseal.errors import UsageError
from reseal.hostfile import open_regular

if TYPE_CHECKING:
    from reseal.customize.step import Given, Step

_TABLE = "step"
_MAX_RECIPE = 1 << 20
_MAX_STEPS = 10_000
_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*step[ \t]*\]\]", re.MULTILINE)


def load(file: Path) -> list[Given]:
    """Read a recipe; the whole of it is checked against what each step declares.

    Raises:
        UsageError: it can't be read, is no TOML, or a step is wrong; the message says file and line.
    """
    try:
        with open_regular(file) as opened:
            data = opened.read(_MAX_RECIPE + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        msg = f"{file} can't be read: {error.strerror}."
        raise UsageError(msg, "Name a recipe that you may read.") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{file} is no recipe: it is not in UTF-8.", "Save it as UTF-8."
        ) from error
    if len(data) > _MAX_RECIPE:
        raise UsageError(f"{file} is no recipe: it is larger than 1 MiB.", "Name another file.")
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
            msg = f"{file}:{line_of}: {name!r} is not known in a recipe."
            raise UsageError(msg, "A recipe is made of tables [[step]], with one key each.")
    if not isinstance(steps, list) or not steps or len(steps) > _MAX_STEPS:
        raise UsageError(f"{file}: the recipe has no steps.", "Begin each of them with [[step]].")
    starts = _starts(text, len(steps))
    return [_given(file, text, start, one) for start, one in zip(starts, steps, strict=True)]


def _starts(text: str, count: int) -> list[int]:
    """Return where each step begins.

    A header inside of a long text does not count: what comes before it is no TOML.
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
    """Return the line in which a key is set for the first time behind a place, or that place's."""
    match = re.compile(rf"^[ \t]*[\"']?{re.escape(key)}[\"']?[ \t]*[=.]", re.MULTILINE).search(
        text, start
    )
    return text.count("\n", 0, match.start() if match else start) + 1


def _given(file: Path, text: str, start: int, table: Any) -> Given:
    if not isinstance(table, dict) or len(table) != 1:
        where = f"{file}:{text.count(chr(10), 0, start) + 1}"
        msg = f"{where}: a step has one key, its name."
        raise UsageError(
            msg, r"For example: copy-in = { host = 'agent.msi', guest = 'C:\Install' }"
        )
    ((name, value),) = table.items()
    where = f"{file}:{_line(text, start, name)}"
    if name not in STEPS:
        msg = f"{where}: there is no step {name!r}."
        raise UsageError(msg, f"The steps are {', '.join(STEPS)}.")
    one = STEPS[name]
    return one.given(_values(one, value, where), f"{where}: {name}", file.absolute().parent)


def _values(one: Step, value: Any, where: str) -> dict[str, str]:
    names = [argument.name for argument in one.arguments]
    hint = f"Write it so: {example(one)}"
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
            raise UsageError(f"{where}: {one.id} lacks {key!r}.", hint)
        given = value[key]
        if isinstance(given, bool) or not isinstance(given, (str, int)):
            raise UsageError(f"{where}: {key} of {one.id} is no text.", hint)
    return {key: str(value[key]) for key in names}


def example(one: Step) -> str:
    """Return the line of a recipe that says what the step's example says."""
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
