"""Subkeys that were looked up are remembered as long as it is true, and no longer."""

from __future__ import annotations

import random
from unittest.mock import patch

import pytest

from reseal.regf import RegfError
from reseal.regf.cells import Children
from reseal.regf.subkeys import SubkeyList
from reseal.testing.hives import hive


def test_a_path_is_searched_for_once() -> None:
    one = hive({"A": {"B": {"C": {"D": 1}}}})
    with patch.object(SubkeyList, "find", autospec=True, side_effect=SubkeyList.find) as find:
        for _ in range(10):
            assert one.key(r"a\B\c") is not None
            assert one.key(r"A\B\nothing") is None
    assert find.call_count == 4


def test_what_was_deleted_created_and_renamed_is_seen() -> None:
    one = hive({"A": {"B": {"C": {}}}})
    assert one.key(r"A\B\C") is not None
    assert one.key(r"A\X") is None
    one.root.create(r"A\X")
    assert one.key(r"A\x") is not None
    kept = one.key(r"A\B")
    assert kept is not None
    kept.rename("A much longer name, which needs another cell")
    assert one.key(r"A\B") is None
    assert one.key(r"A\A MUCH LONGER NAME, WHICH NEEDS ANOTHER CELL\C") is not None
    above = one.key("A")
    assert above is not None
    above.delete()
    assert one.key(r"A\X") is None
    with pytest.raises(RegfError):
        kept.subkey("C")
    one.root.create(r"A\B")
    assert one.key(r"A\B\C") is None


def test_random_edits_with_lookups_in_between() -> None:
    chance, names = random.Random(9), [f"Name {number}" for number in range(6)]
    one, model = hive({}), set[tuple[str, ...]]()
    with patch.object(Children, "LIMIT", 20):
        for _ in range(1500):
            path = tuple(chance.choice(names) for _ in range(chance.randrange(1, 4)))
            key = one.key("\\".join(path))
            assert (key is not None) == (path in model)
            if chance.random() < 0.5:
                one.root.create("\\".join(path).upper())
                model |= {path[:depth] for depth in range(1, len(path) + 1)}
            elif key is not None:
                key.delete()
                model = {other for other in model if other[: len(path)] != path}
        assert one.verify() == []


def test_no_more_is_remembered_than_the_bound() -> None:
    one = hive({})
    for number in range(3 * Children.LIMIT):
        one.key(f"Key {number}")
    assert sum(map(len, one.cells.children._known.values())) <= Children.LIMIT
