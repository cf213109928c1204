from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.regf import Hive, names, upcase
from reseal.testing.hives import hive
from tests import oracles
from tests.regf.test_recovery import opened

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "upper"),
    [
        ("select", "SELECT"),
        ("привет", "ПРИВЕТ"),
        ("ëé", "ËÉ"),
        ("ÿ", "Ÿ"),
        # Where Windows differs from Unicode: no sharp s, micro, dotless i, long s, final sigma.
        ("ßµıſς", "ßµıſς"),
        ("ǅ", "ǅ"),
        ("\U00010428", "\ud801\udc28"),
        ("\ud801", "\ud801"),
    ],
)
def test_upper_case_is_that_of_windows(name: str, upper: str) -> None:
    assert names.upcase(name) == upper


def test_the_table_has_what_the_volumes_of_windows_have() -> None:
    assert len(upcase.TABLE) == 973
    assert not upcase.TABLE.keys() & set(upcase.TABLE.values()) - {0}


def test_hashes_are_those_of_windows(corpus: Path) -> None:
    # `verify` compares every hash and hint in a hive with ours.
    for name in ("UpcaseHive", "UnicodeHive", "ExtendedASCIIHive"):
        found = opened(corpus / "regf-corner-cases" / name)
        assert found.verify() == []
    assert names.hash_lh("AB") == ord("A") * 37 + ord("B")
    assert names.hash_lh("Z" * 50) < 1 << 32


def test_keys_of_the_corner_cases_are_found_by_any_spelling(corpus: Path) -> None:
    folder = corpus / "regf-corner-cases"
    assert opened(folder / "UnicodeHive").key(r"ПРИВЕТ\ключ") is not None
    assert opened(folder / "ExtendedASCIIHive").key("ËIGENAARDIG") is not None
    sharp = opened(folder / "UpcaseHive")
    assert [key.name for key in sharp.root.subkeys()] == ["ss1", "SS3", "ß2"]
    assert sharp.key("SS1") is not None
    assert sharp.key("ss2") is None
    assert sharp.key("ß2") is not None


NAMES = st.text(
    st.one_of(
        st.characters(max_codepoint=0x24F, exclude_characters="\\\0"),
        st.characters(min_codepoint=0x370, max_codepoint=0x52F),
        st.sampled_from("\U00010428\U0001f600\uffff\ue000ﬁẞ"),
    ),
    min_size=1,
    max_size=12,
)


@given(st.lists(NAMES, max_size=30), st.sampled_from([2, 3, 5]))
def test_names_of_all_kinds_are_stored_sorted_and_found(wanted: list[str], minor: int) -> None:
    built = hive({}, version=(1, minor))
    for name in wanted:
        built.root.create_subkey(name) if built.root.subkey(name) is None else None
    again = Hive.open(built.to_bytes())
    assert again.verify() == []
    for name in wanted:
        key = again.root.subkey(name)
        assert key is not None
        assert names.upcase(key.name) == names.upcase(name)
    if all(name.isprintable() for name in wanted):
        found = {path for path in oracles.hivex(built.to_bytes()) if path}
        assert found == {key.name for key in again.root.subkeys()}
