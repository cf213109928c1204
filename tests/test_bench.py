"""The table and the chart of all measurements."""

from __future__ import annotations

from pathlib import Path

from lxml import etree

from bench import results

LINES = [
    "generalize, 9 runs each",
    "  reseal generalize          0.600 s  (min 0.5, max 0.7)",
    "  reading only (floor)       0.200 s",
    "  ratio                      3.00",
    "clone, 100 clones",
    "  qemu-img create -b (floor)    5.0 ms",
    "  1 at a time                  20.0 ms a clone",
    "hive, <walk> all",
    "  reseal                     0.500 s",
    "  hivexml (peer)             1.000 s",
    "sizes",
    "  10 files                   1.000 s",
    "  20 files                   1.000 s",
]


def test_ours_stand_beside_floors_and_peers() -> None:
    found = list(results.comparisons(LINES))
    assert [(one.ours, one.other, one.is_floor) for one in found] == [
        ("reseal generalize", "reading only (floor)", True),
        ("1 at a time", "qemu-img create -b (floor)", True),
        ("reseal", "hivexml (peer)", False),
    ]
    assert [round(one.ratio, 6) for one in found] == [3.0, 4.0, 0.5]


def test_the_page_gets_a_table_and_a_chart_each_time_anew(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("# Head\n\n<!-- bench -->\n<!-- /bench -->\n\nTail\n")
    results.write(LINES, page, "A machine.")
    once = page.read_text()
    results.write(LINES, page, "A machine.")
    assert page.read_text() == once
    assert once.startswith("# Head")
    assert once.endswith("Tail\n")
    assert "| hive, <walk> all | 0.500 s | peer: hivexml | 1.000 s | 0.50 |" in once
    tree = etree.parse(tmp_path / "performance.svg")
    widths = [float(one.get("width") or 0) for one in tree.iter("{*}rect")]
    assert widths[1] > widths[0] > widths[2]
    assert "hive, <walk> all" in "".join(map(str, tree.getroot().itertext()))
