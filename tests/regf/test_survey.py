"""`Survey` sees what a walk sees, and gives up where a walk finds damage."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from reseal.proof import hives
from reseal.proof.hits import Place
from reseal.regf import Hive, RegfError, baseblock, sids
from reseal.regf.reader import Reader
from reseal.regf.survey import Survey
from reseal.testing.hives import hive
from tests.regf.test_recovery import opened

SID = "S-1-5-21-2290304894-658537038-505560459"
REAL = (
    "machines/win10-21h1/Users/AndrewRathbun/NTUSER.DAT",
    "machines/win10-21h1/SAM",
    "machines/win81-domain-joined/NTUSER.DAT",
)


def _made() -> Hive:
    many = {f"Key {number:04}": {"Value": number} for number in range(1200)}
    made = hive({
        "Many": many,
        "Data": {"Small": 1, "Large": b"x" * 5000, "Divided": b"y" * 40_000, "Empty": b""},
        "Deep": {"A": {"B": {f"{SID}-1001": {"Sid": SID}}}},
    })  # fmt: skip
    assert made.key("Data") is not None
    made.root.create("Class").set_class_name("a class")
    return made


def _compare(one: Hive) -> None:
    survey = Survey.of(one.cells, one.root_offset)
    assert survey is not None
    reader, keys, values = Reader(one.cells), [], []
    for _, offset, key in reader.walk(one.root_offset):
        keys.append(offset)
        values += [value for value, _ in reader.value_cells(key)]
    order = survey.ranks().argsort()
    assert survey.keys[order].tolist() == keys
    assert sorted(survey.values.tolist()) == sorted(values)


def test_a_hive_of_all_kinds_of_lists_and_data() -> None:
    _compare(_made())


@pytest.mark.corpus
@pytest.mark.parametrize("name", REAL)
def test_real_hives(corpus: Path, name: str) -> None:
    one = opened(corpus / name)
    _compare(one)
    chance = random.Random(3)
    offsets = sorted({chance.randrange(len(one.cells.data)) for _ in range(2000)})
    walked = hives._walked(one, offsets)
    assert hives.places(one, offsets) == {
        offset: walked.get(offset, (Place.FREE_CELL, "")) for offset in offsets
    }
    hits = sids.find(one, SID)
    wanted = {cell for cell, in_use in sids._cells_with(one.cells, hits) if in_use}
    found = sids._owners(one, wanted)
    assert list(found.items()) == [
        pair for pair in sids._walked(one, wanted).items() if pair[0] in found
    ] or found == sids._walked(one, wanted)


def test_every_byte_of_a_made_hive_is_placed_as_by_a_walk() -> None:
    one = _made()
    offsets = list(range(baseblock.SIZE, len(one.cells.data), 3))
    walked = hives._walked(one, offsets)
    found = {at: place for at, place in hives.places(one, offsets).items() if at in walked}
    assert found == walked


def test_damage_is_left_to_a_walk() -> None:
    """Whatever is damaged, the survey raises nothing, and agrees with a walk if it gives an answer."""
    whole, chance = _made().to_bytes(), random.Random(5)
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(baseblock.SIZE, len(data) - 4) & ~3
            data[at : at + 4] = chance.choice([b"\xff" * 4, bytes(4), chance.randbytes(4)])
        try:
            one = Hive.open(bytes(data))
        except RegfError:
            continue
        survey = Survey.of(one.cells, one.root_offset)
        if survey is None:
            continue
        keys = [offset for _, offset, _ in Reader(one.cells).walk(one.root_offset)]
        assert sorted(survey.keys.tolist()) == sorted(keys)


def test_keys_that_form_a_loop_are_damage() -> None:
    one = hive({"A": {"B": {}}, "C": {}})
    below, above = one.key("A"), one.key("C")
    assert below is not None
    assert above is not None
    # The list of A gets the offset of C, which then has two parents.
    (leaf,) = below._subkeys().leaves()
    one.cells.write_u32(leaf + baseblock.SIZE + 8, above.offset)
    assert Survey.of(one.cells, one.root_offset) is None
