from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from reseal.regf import Hive, exchange
from reseal.regf.diff import Difference, diff, to_sections
from reseal.testing.hives import hive
from tests import oracles
from tests.regf.copying import copy_tree
from tests.regf.test_recovery import opened

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = "HKEY_USERS\\x"


def test_each_difference_is_told() -> None:
    one = hive({"same": {"v": 1}, "gone": {"w": 1}, "Case": {}, "a": {"x": 1, "y": 2, "z": "3"}})
    two = hive({"same": {"v": 1}, "new": {"n": {"m": 1}}, "CASE": {}, "a": {"y": 5, "Z": "3"}})
    two.root.create("same").set_class_name("c")
    assert list(diff(one.root, two.root)) == [
        Difference("key added", "new"),
        Difference("key added", r"new\n"),
        Difference("value added", r"new\n", "m", None, (4, b"\1\0\0\0")),
        Difference("key removed", "gone"),
        Difference("value removed", "a", "x", (4, b"\1\0\0\0")),
        Difference("value changed", "a", "y", (4, b"\2\0\0\0"), (4, b"\5\0\0\0")),
        Difference("key name", "Case", None, b"Case", b"CASE"),
        Difference("class", "same", None, b"", b"c\0"),
    ]


NAMES = st.sampled_from(["a", "b", "C", "long name", "é"])
LEAVES = st.one_of(st.integers(0, 3), st.text("xy", max_size=2), st.binary(max_size=6))
SPECS = st.recursive(
    st.dictionaries(NAMES, LEAVES, max_size=3),
    lambda below: st.dictionaries(NAMES, st.one_of(LEAVES, below), max_size=4),
    max_leaves=15,
)


@given(SPECS, SPECS)
@settings(max_examples=60)
def test_the_reg_file_of_a_difference_turns_one_into_the_other(
    one: dict[str, object], two: dict[str, object]
) -> None:
    before, after = hive(one), hive(two)
    sections = list(to_sections(diff(before.root, after.root), PREFIX))
    exchange.apply(before.root, sections, PREFIX)
    assert oracles.tree_of(before) == oracles.tree_of(after)
    assert [each for each in diff(before.root, after.root) if each.kind != "descriptor"] == []


def test_a_real_hive_before_and_after_its_logs(corpus: Path) -> None:
    path = corpus / "machines/win10-21h1/Users/AndrewRathbun/NTUSER.DAT"
    whole = opened(path)
    stale = Hive.open(path.read_bytes(), ignore_logs=True)
    found = list(diff(stale.root, whole.root))
    assert found
    assert list(diff(whole.root, whole.root)) == []
    rebuilt = Hive.new()
    exchange.apply(rebuilt.root, exchange.sections(stale.root, PREFIX), PREFIX)
    exchange.apply(rebuilt.root, to_sections(found, PREFIX), PREFIX)
    assert oracles.tree_of(rebuilt) == oracles.tree_of(whole)


def test_a_copied_tree_is_the_same(corpus: Path) -> None:
    source = opened(corpus / "machines/win10-21h1/Users/AndrewRathbun/NTUSER.DAT")
    target = hive({"x": {}})
    top = source.key(r"Software\Microsoft\Windows\CurrentVersion")
    into = target.key("x")
    assert top is not None
    assert into is not None
    copy = copy_tree(top, into, "copy")
    assert list(diff(top, copy)) == []
    assert target.verify() == []
    inside = copy_tree(into, copy)
    assert inside.path == r"x\copy\x"
    assert target.verify() == []
