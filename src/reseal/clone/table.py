"""The table of a fleet: one machine per row, every cell with its place in the file.

Three forms are equivalent: CSV with the columns' names in its first row (commas, semicolons or tabs);
JSON, a list of objects or an object with the list `machines`; TOML with `[[machines]]` tables. A cell
with several values is a list in JSON and TOML; in CSV, semicolons or spaces separate them.
"""

from __future__ import annotations

import json
import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reseal.answerfile import Position
from reseal.clone.csv_cells import cells
from reseal.errors import UsageError
from reseal.hostfile import open_regular

#: Limits of a fleet; a file beyond them is a mistake or an attack.
MAX_BYTES = 32 << 20
MAX_MACHINES = 100_000
MAX_TEXT = 4096
_MACHINES = "machines"
_BLANKS = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()
_TOML_HEADER = re.compile(r"[ \t]*\[\[[ \t]*machines[ \t]*\]\]")
_TOML_KEY = re.compile(r"""[ \t]*("[^"]*"|'[^']*'|[A-Za-z0-9_-]+)[ \t]*=[ \t]*""")


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of a machine.

    Attributes:
        values: its texts; more than one for a list.
        position: its place in the file.
    """

    values: tuple[str, ...]
    position: Position

    @property
    def text(self) -> str:
        """The value as one text."""
        return ";".join(self.values)


@dataclass(frozen=True, slots=True)
class FleetRow:
    """One machine: cells by column, in lower case; empty ones are left out."""

    cells: dict[str, Cell]
    position: Position

    def text(self, column: str) -> str:
        """Return a cell's text; empty if there is none."""
        cell = self.cells.get(column)
        return cell.text if cell else ""


@dataclass(frozen=True, slots=True)
class FleetTable:
    """A fleet as its table describes it.

    Attributes:
        name: the file, for messages.
        columns: every column, with the place that names it first.
        rows: the machines in order.
    """

    name: str
    columns: dict[str, Position]
    rows: list[FleetRow]


class TableError(UsageError):
    """A fleet file can't be read."""

    def __init__(self, file: str, position: Position | None, problem: str) -> None:
        place = f"{file}:{position}" if position else file
        super().__init__(f"{place}: {problem}. Nothing was written.", "Correct the file.")


def load(path: Path) -> FleetTable:
    """Read the table of a fleet; its suffix selects the form.

    Raises:
        TableError: it can't be read, or holds no machines.
    """
    readers = {".csv": _csv, ".json": _json, ".toml": _toml}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise TableError(str(path), None, "its name must end in .csv, .json or .toml")
    try:
        with open_regular(path) as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise TableError(str(path), None, f"it is larger than {MAX_BYTES >> 20} MiB")
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise TableError(str(path), None, f"it can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        place = position_in(data[: error.start].decode("utf-8", "replace"), error.start)
        raise TableError(str(path), place, "this is not UTF-8; save the file as UTF-8") from error
    table = reader(text, str(path))
    if not table.rows:
        raise TableError(str(path), None, "it holds no machine")
    if len(table.rows) > MAX_MACHINES:
        raise TableError(str(path), None, f"it holds more than {MAX_MACHINES:,} machines")
    return table


def table_of(machines: Sequence[Mapping[str, object]]) -> FleetTable:
    """Return rows that a program provides as a table; a machine's line is its number, from 1.

    Raises:
        TableError: a value is neither a text, a number nor a list.
    """
    rows = [
        (Position(number, 1), {key: (value, Position(number, 1)) for key, value in one.items()})
        for number, one in enumerate(machines, 1)
    ]
    table = _table(_MACHINES, rows)
    if not rows:
        raise TableError(_MACHINES, None, "it holds no machine")
    return table


def position_in(text: str, offset: int) -> Position:
    """Return the line and column of an offset into a text."""
    before = text[:offset]
    return Position(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


def _csv(text: str, name: str) -> FleetTable:
    rows = list(cells(text, lambda place, problem: TableError(name, place, problem)))
    if not rows:
        raise TableError(name, None, "it is empty")
    header, *rest = rows
    columns: dict[str, Position] = {}
    order = []
    for title, place in header:
        column = title.strip().lower()
        if not column or column in columns:
            what = f"the column {column} appears twice" if column else "this column has no name"
            raise TableError(name, place, what)
        columns[column] = place
        order.append(column)
    machines = []
    for row in rest:
        if len(row) > len(order):
            raise TableError(name, row[len(order)][1], "the row has more cells than the header")
        machines.append(
            FleetRow(
                {
                    column: Cell((value.strip(),), place)
                    for column, (value, place) in zip(order, row, strict=False)
                    if value.strip()
                },
                row[0][1],
            )
        )
    return _checked(FleetTable(name, columns, machines))


def _json(text: str, name: str) -> FleetTable:
    try:
        rows = list(_JsonRows(text).read())
    except json.JSONDecodeError as error:
        raise TableError(name, Position(error.lineno, error.colno), error.msg.lower()) from error
    except RecursionError as error:
        raise TableError(name, None, "it is nested too deeply") from error
    return _table(name, rows)


class _JsonRows:
    """A walk through `[{…}, …]` or `{"machines": […]}` that keeps the place of every value."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]

    def _place(self) -> Position:
        line = bisect_right(self._lines, self._at)
        return Position(line, self._at - self._lines[line - 1] + 1)

    def read(self) -> Iterator[tuple[Position, dict[str, tuple[Any, Position]]]]:
        if self._next() == "{":
            for key, _ in self._members():
                if key == _MACHINES:
                    yield from self._list()
                else:
                    self._value()
        else:
            yield from self._list()
        self._blanks()
        if self._at != len(self._text):
            raise self._error("unexpected text after the list of machines")

    def _list(self) -> Iterator[tuple[Position, dict[str, tuple[Any, Position]]]]:
        self._expect("[", "a list of machines is expected here")
        while self._next() != "]":
            place = self._place()
            row: dict[str, tuple[Any, Position]] = {}
            for key, where in self._members():
                if key in row:
                    raise json.JSONDecodeError(f"{key} appears twice", self._text, where)
                self._blanks()
                value_place = self._place()
                row[key] = (self._value(), value_place)
            yield place, row
            if self._next() == ",":
                self._at += 1
            elif self._next() != "]":
                raise self._error("a comma or the end of the list is missing")
        self._at += 1

    def _members(self) -> Iterator[tuple[str, int]]:
        self._expect("{", "a machine must be an object")
        while self._next() != "}":
            start = self._at
            if self._next() != '"':
                raise self._error("a name in quotation marks is expected here")
            key = self._value()
            self._expect(":", "a colon is missing")
            yield key, start
            if self._next() == ",":
                self._at += 1
            elif self._next() != "}":
                raise self._error("a comma or the end of the machine is missing")
        self._at += 1

    def _value(self) -> Any:
        self._blanks()
        value, self._at = _DECODER.raw_decode(self._text, self._at)
        return value

    def _blanks(self) -> None:
        found = _BLANKS.match(self._text, self._at)
        assert found
        self._at = found.end()

    def _next(self) -> str:
        self._blanks()
        return self._text[self._at : self._at + 1]

    def _expect(self, char: str, problem: str) -> None:
        if self._next() != char:
            raise self._error(problem)
        self._at += 1

    def _error(self, problem: str) -> json.JSONDecodeError:
        return json.JSONDecodeError(problem, self._text, self._at)


def _toml(text: str, name: str) -> FleetTable:
    try:
        parsed = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        said = str(error)
        found = re.search(r" \(at line (\d+), column (\d+)\)$", said)
        place = Position(int(found[1]), int(found[2])) if found else None
        raise TableError(name, place, said[: found.start()] if found else said) from error
    machines = parsed.get(_MACHINES)
    if not isinstance(machines, list) or not all(isinstance(one, dict) for one in machines):
        raise TableError(name, None, "it has no [[machines]] tables")
    # tomllib reports no places. A key is at the start of a line below its table's header; a key of an
    # inline table gets the place of its machine.
    places: list[tuple[Position, dict[str, Position]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if _TOML_HEADER.match(line):
            places.append((Position(number, 1), {}))
        elif places and (found := _TOML_KEY.match(line)):
            places[-1][1].setdefault(found[1].strip("\"'"), Position(number, found.end() + 1))
    if len(places) != len(machines):
        places = [(Position(1, 1), {})] * len(machines)
    rows = [
        (place, {key: (value, keys.get(key, place)) for key, value in machine.items()})
        for machine, (place, keys) in zip(machines, places, strict=True)
    ]
    return _table(name, rows)


def _table(name: str, rows: list[tuple[Position, dict[str, tuple[Any, Position]]]]) -> FleetTable:
    columns: dict[str, Position] = {}
    machines = []
    for place, row in rows:
        found: dict[str, Cell] = {}
        for key, (value, where) in row.items():
            column = key.strip().lower()
            columns.setdefault(column, where)
            values = _texts(value)
            if values is None:
                raise TableError(name, where, f"{column} is neither a text, a number nor a list")
            if column in found:
                raise TableError(name, where, f"{column} appears twice")
            if any(values):
                found[column] = Cell(values, where)
        machines.append(FleetRow(found, place))
    return _checked(FleetTable(name, columns, machines))


def _texts(value: Any) -> tuple[str, ...] | None:
    """Return a value as texts; None if it can't be one."""
    if isinstance(value, list):
        parts = [_texts(one) for one in value]
        if any(part is None or len(part) != 1 for part in parts):
            return None
        return tuple(part[0] for part in parts if part)
    if value is None:
        return ("",)
    if isinstance(value, bool):
        return ("true" if value else "false",)
    return (str(value).strip(),) if isinstance(value, str | int) else None


def _checked(table: FleetTable) -> FleetTable:
    for row in table.rows:
        for column, cell in row.cells.items():
            if len(cell.text) > MAX_TEXT:
                problem = f"{column} has more than {MAX_TEXT} characters"
                raise TableError(table.name, cell.position, problem)
            if any(not (char.isprintable() or char in "\t\n\r") for char in cell.text):
                problem = f"{column} holds a character that can't be printed"
                raise TableError(table.name, cell.position, problem)
    return table
