from __future__ import annotations

import struct
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from reseal.regf import Hive, RegfError, sids
from reseal.testing.hives import hive
from tests import oracles
from tests.regf.test_recovery import opened

if TYPE_CHECKING:
    from pathlib import Path

OLD = "S-1-5-21-2290304894-658537038-505560459"
NEW = "S-1-5-21-3111222333-444555666-777888999"
BINARY = bytes.fromhex("010500000000000515000000") + b"".join(
    number.to_bytes(4, "little") for number in (*sids.parse(OLD), 1001)
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "SAM",
            {("value data", "binary"): 12, ("free space", "binary"): 6, ("key name", "text"): 1},
        ),
        ("SECURITY", {("value data", "binary"): 2, ("key name", "text"): 1}),
        ("DEFAULT", {("value name", "text"): 2, ("key name", "text"): 2}),
        (
            "Users/AndrewRathbun/NTUSER.DAT",
            {
                ("descriptor", "binary"): 208,
                ("value data", "utf-16"): 5,
                ("free space", "binary"): 3,
            },
        ),
        (
            "Users/AndrewRathbun/UsrClass.dat",
            {
                ("descriptor", "binary"): 2143,
                ("value data", "utf-16"): 21,
                ("key name", "text"): 20,
            },
        ),
    ],
)
def test_a_machine_sid_changes_everywhere(
    corpus: Path, name: str, expected: dict[tuple[str, str], int]
) -> None:
    hive = opened(corpus / "machines/win10-21h1" / name)
    before = oracles.tree_of(hive)
    places = sids.replace(hive, OLD, NEW)
    assert Counter((place.what, place.hit.form) for place in places) == expected
    assert sids.find(hive, OLD) == []
    assert hive.verify() == []
    assert hive.verify(touched_only=True) == []

    def changed(data: bytes) -> bytes:
        for encoding in ("ascii", "utf-16-le"):
            data = data.replace(OLD[2:].encode(encoding), NEW[2:].encode(encoding))
        return data.replace(
            BINARY[12:24], b"".join(n.to_bytes(4, "little") for n in sids.parse(NEW))
        )

    written, tree = hive.to_bytes(), oracles.tree_of(hive)
    assert tree == {
        path.replace(OLD, NEW): {
            value.replace(OLD, NEW): (number, changed(data))
            for value, (number, data) in values.items()
        }
        for path, values in before.items()
    }
    for reader, oracle in oracles.ORACLES.items():
        assert oracle(written) == tree, reader


def test_a_sid_across_big_data_segments_is_found() -> None:
    built = hive({"k": {}})
    key = built.key("k")
    assert key is not None
    text = OLD.encode("utf-16-le")
    for shift in (16344 - 13, 16344 * 2 - 40):
        key.set(f"b{shift}", 3, b"x" * shift + BINARY + b"y" * 20_000)
        key.set(f"t{shift}", 3, b"x" * (shift - shift % 2) + text + b"y" * 20_000)
    places = sids.replace(built, OLD, NEW)
    assert Counter((place.what, place.path) for place in places) == {("value data", "k"): 4}
    assert sum(place.hit.rest is not None for place in places) >= 2
    assert sids.find(built, OLD) == []
    assert len(sids.find(built, NEW)) == 4
    value = key.value(f"b{16344 - 13}")
    assert value is not None
    assert len(value.data) == 16344 - 13 + len(BINARY) + 20_000


def test_free_space_and_what_follows_the_bins_are_wiped() -> None:
    built = hive({"k": {"v": b"some data before" + BINARY * 3}})
    data = bytearray(built.to_bytes())
    place = data.find(BINARY)
    data[place - 20 : place - 16] = (120).to_bytes(4, "little")
    data += b"rest" + BINARY
    damaged = Hive.open(data)
    places = sids.replace(damaged, OLD, NEW)
    assert [place.what for place in places] == ["free space"] * 4
    assert sids.find(damaged, NEW) == []
    assert b"some data" not in damaged.to_bytes()


@pytest.mark.parametrize("new", ["S-1-5-21-1-2-3", "S-1-5-21-4294967295-4294967294-4294967293"])
def test_names_and_texts_of_other_lengths_are_written_anew(new: str) -> None:
    old = "S-1-5-21-1000-2000-300000000"
    numbers, renewed = (struct.pack("<3I", *sids.parse(sid)) for sid in (old, new))
    wide = old.encode("utf-16-le")
    spec: dict[str, object] = {
        f"{old}-{number}": {
            f"name {old}": f"text {old} and {old}-500",
            "list": [old, f"{old}0", "other"],
            "bytes": numbers * 3,
            "text in bytes": b"\x10" + wide,
            "large": f"{old} " * 1000,
        }
        for number in range(30)
    }
    built = hive(spec)
    places = sids.replace(built, old, new)
    left = [place for place in places if not place.changed]
    assert {place.value for place in left} == {"text in bytes"}
    assert len(left) == 30
    assert len(sids.find(built, old)) == 30
    assert built.verify() == []
    for number in range(30):
        key = built.key(f"{new}-{number}")
        assert key is not None
        found = {value.name: value.decoded for value in key.values()}
        assert found == {
            f"name {new}": f"text {new} and {new}-500",
            "list": [new, f"{old}0", "other"],
            "bytes": renewed * 3,
            "text in bytes": b"\x10" + wide,
            "large": f"{new} " * 1000,
        }


def test_longer_sids_are_left_alone() -> None:
    built = hive({f"{OLD}9": {f"x{OLD}": 1, f"{OLD}-500": f"{OLD}0"}})
    places = sids.replace(built, OLD, NEW)
    assert [(place.what, place.value) for place in places] == [
        ("value name", f"x{OLD}"),
        ("value name", f"{OLD}-500"),
    ]
    for wrong in ("S-1-5-18", "S-1-5-21-4294967296-1-1", "", "S-1-5-21-1-2-3-500-1"):
        with pytest.raises(RegfError, match="not a domain SID"):
            sids.find(built, wrong)


def test_the_sid_of_one_account_is_told_from_its_neighbours() -> None:
    built = hive({"k": {"text": f"{OLD}-1001 {OLD}-10011 {OLD}-1002 {OLD}", f"{OLD}-1001": 1}})
    sids.replace(built, f"{OLD}-1001", f"{OLD}-9999")
    key = built.key("k")
    assert key
    value = key.value("text")
    assert value
    assert value.decoded == f"{OLD}-9999 {OLD}-10011 {OLD}-1002 {OLD}"
    assert key.value(f"{OLD}-9999")
    assert built.verify() == []


def test_a_name_that_exists_stops_it_before_the_first_change() -> None:
    built = hive({OLD: {"v": OLD}, NEW: {}})
    before = built.to_bytes()
    with pytest.raises(RegfError, match="which already exists"):
        sids.replace(built, OLD, NEW)
    assert built.to_bytes() == before
