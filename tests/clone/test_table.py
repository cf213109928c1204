"""Tables of fleets: three forms that mean the same, and where each value stands."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.answerfile import Position
from reseal.clone.csv_cells import cells
from reseal.clone.table import FleetTable, TableError, load, table_of

CSV = 'Name;DNS;note\r\nWS-1;192.0.2.1 192.0.2.2;"a ""b"";\r\nc"\r\n\r\nWS-2;;\r\n'
JSON = """{"about": {"x": [1]}, "machines": [
  {"name": "WS-1", "dns": ["192.0.2.1", "192.0.2.2"], "note": "a \\"b\\";\\nc"},
  {"name": "WS-2", "dns": null, "count": 3, "on": true}
]}"""
TOML = """title = "x"
[[machines]]
name = "WS-1"
  dns = ["192.0.2.1", "192.0.2.2"]
[[machines]]
name = "WS-2"
"""


def table(tmp_path: Path, name: str, text: str | bytes) -> FleetTable:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(path)


def test_csv(tmp_path: Path) -> None:
    found = table(tmp_path, "fleet.csv", b"\xef\xbb\xbf" + CSV.encode())
    assert found.columns == {
        "name": Position(1, 1), "dns": Position(1, 6), "note": Position(1, 10),
    }  # fmt: skip
    first, second = found.rows
    assert first.text("note") == 'a "b";\nc'
    assert first.cells["note"].position == Position(2, 26)
    # A row may have several lines, and an empty one is none.
    assert second.cells["name"].position == Position(5, 1)
    assert "dns" not in second.cells


def test_json(tmp_path: Path) -> None:
    first, second = table(tmp_path, "fleet.json", JSON).rows
    assert first.cells["dns"].values == ("192.0.2.1", "192.0.2.2")
    assert first.cells["dns"].position == Position(2, 27)
    assert first.text("note") == 'a "b";\nc'
    assert (second.text("count"), second.text("on"), second.text("dns")) == ("3", "true", "")
    assert second.position == Position(3, 3)


def test_toml(tmp_path: Path) -> None:
    first, second = table(tmp_path, "fleet.toml", TOML).rows
    assert first.cells["dns"].values == ("192.0.2.1", "192.0.2.2")
    assert first.cells["dns"].position == Position(4, 9)
    assert second.cells["name"].position == Position(6, 8)


def test_rows_of_a_program() -> None:
    found = table_of([{"name": "WS-1", "dns": ["192.0.2.1"]}, {"name": "WS-2"}])
    assert [row.text("name") for row in found.rows] == ["WS-1", "WS-2"]
    with pytest.raises(TableError):
        table_of([])


@pytest.mark.parametrize(
    ("name", "text", "place", "said"),
    [
        ("f.csv", "", "", "empty"),
        ("f.csv", "name\n", "", "no machine"),
        ("f.csv", "name,name\nx,y\n", "1:6", "twice"),
        ("f.csv", "name,,x\n", "1:6", "no name"),
        ("f.csv", "name\na,b\n", "2:3", "more cells"),
        ("f.csv", 'name\n"a\n', "2:1", "never closed"),
        ("f.csv", 'name\n"a"b\n', "2:4", "follows"),
        ("f.csv", b"name\na\xff\n", "2:2", "UTF-8"),
        ("f.csv", "name\na\0b\n", "2:1", "printed"),
        ("f.csv", f"name\n{'a' * 5000}\n", "2:1", "characters"),
        ("f.json", "[", "1:2", "object"),
        ("f.json", '[{"name": "a"},\n {"name" "b"}]', "2:10", "colon"),
        ("f.json", '[{"name": "a", "name": "b"}]', "1:16", "twice"),
        ("f.json", '[{"name": {"a": 1}}]', "1:11", "neither"),
        ("f.json", '[{"name": "a"}] x', "1:17", "unexpected text"),
        ("f.json", "[" * 100_000, "", ""),
        ("f.toml", "[[machines]]\nname = \n", "2:8", ""),
        ("f.toml", "machines = 3\n", "", "machines"),
        ("f.txt", "name\na\n", "", ".csv"),
    ],
)
def test_what_is_no_table(
    name: str, text: str | bytes, place: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(TableError) as caught:
        table(tmp_path, name, text)
    start = f"{tmp_path / name}:{place}: " if place else str(tmp_path / name)
    assert caught.value.message.startswith(start)
    assert said in caught.value.message


TEXTS = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")) | st.sampled_from('",;\n'),
    max_size=8,
)


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=4), min_size=1, max_size=4))
def test_csv_is_read_as_python_reads_it(rows: list[list[str]]) -> None:
    # The separator follows from the first row.
    written = io.StringIO()
    writer = csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["a", "b", "c", "d"])
    writer.writerows(rows)
    text = written.getvalue()
    found = list(cells(text, lambda place, problem: AssertionError((place, problem))))
    expected = [row for row in csv.reader(io.StringIO(text)) if any(one.strip() for one in row)]
    assert [[value for value, _ in row] for row in found] == expected
    lines = text.split("\n")
    for row in found:
        for _, place in row:
            assert lines[place.line - 1][place.column - 1] == '"'
