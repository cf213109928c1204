"""Replay of made logs: everything that can befall them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reseal.regf import Hive, RegfError
from reseal.regf.marvin import marvin32
from reseal.testing.hives import TIMESTAMP, hive
from tests import oracles
from tests.regf.make_logs import dirt_log, dirtied, hvle_log, sealed


def states(count: int) -> list[bytes]:
    """A hive as it is after each of `count` edits, the last of which makes it grow."""
    current = hive({"a": {"v": 0}, "b": {f"k{n}": {"w": b"x" * 200} for n in range(40)}})
    result = [current.to_bytes()]
    for number in range(1, count):
        current = Hive.open(result[-1])
        current.timestamp = TIMESTAMP
        current.root.create(f"a\\new{number}").set("v", 4, struct.pack("<I", number))
        if number == count - 1:
            current.root.set("large", 3, b"y" * 30_000)
        result.append(current.to_bytes())
    return result


STATES = states(7)
TREES = [oracles.reseal(state) for state in STATES]
DIRTY = dirtied(STATES[0], 100)


def recovered(logs: dict[str, bytes], data: bytes = DIRTY) -> tuple[Hive, int]:
    """The hive, and the number of the state in which it is."""
    opened = Hive.open(data, logs)
    assert opened.verify() == []
    written = opened.to_bytes()
    if not opened.changed:
        # Nothing to replay: the hive is left as it is, dirty.
        assert written == data
        return opened, TREES.index(oracles.tree_of(opened))
    primary, secondary = struct.unpack_from("<II", written, 4)
    assert primary == secondary
    again = Hive.open(written, logs)
    assert not again.recovery.dirty
    assert oracles.tree_of(again) == oracles.tree_of(opened)
    return opened, TREES.index(oracles.tree_of(opened))


def test_one_log() -> None:
    opened, state = recovered({"LOG1": hvle_log(STATES, 99)})
    assert (state, opened.recovery.entries_applied) == (6, 6)
    assert opened.next_sequence == 105


@pytest.mark.parametrize("cut", range(1, 6))
@pytest.mark.parametrize("names", [("LOG1", "LOG2"), ("LOG2", "LOG1")])
def test_two_logs_in_either_order(cut: int, names: tuple[str, str]) -> None:
    logs = {
        names[0]: hvle_log(STATES[: cut + 1], 99),
        names[1]: hvle_log(STATES[cut:], 99 + cut),
    }
    opened, state = recovered(dict(sorted(logs.items())))
    assert (state, opened.recovery.entries_applied) == (6, 6)
    assert opened.recovery.logs == names


def test_entries_older_than_the_hive_are_passed_over() -> None:
    data = dirtied(STATES[2], 102)
    opened, state = recovered({"LOG1": hvle_log(STATES, 99)}, data)
    assert (state, opened.recovery.entries_applied) == (6, 4)
    opened, state = recovered({"LOG1": hvle_log(STATES[:3], 99)}, data)
    assert (state, opened.recovery.entries_applied) == (2, 0)
    assert "nothing newer" in opened.recovery.notes[0]


def test_a_half_written_log_counts_up_to_its_last_whole_entry() -> None:
    log = hvle_log(STATES, 99)
    seen = set()
    for end in range(512, len(log), 512):
        _, state = recovered({"LOG1": log[:end]})
        seen.add(state)
    assert seen == {0, 1, 2, 3, 4, 5}


def test_a_gap_between_the_logs_ends_the_replay_and_is_told() -> None:
    logs = {"LOG1": hvle_log(STATES[:3], 99), "LOG2": hvle_log(STATES[3:], 102)}
    opened, state = recovered(logs)
    assert state == 2
    assert "Log entries 101 to 101 are missing" in opened.recovery.notes[0]
    assert opened.next_sequence == 105


def test_what_an_earlier_round_left_behind_the_last_entry_is_not_applied() -> None:
    stale = hvle_log([STATES[5], STATES[0]], 60)[512:]
    _, state = recovered({"LOG1": hvle_log(STATES[:4], 99) + stale})
    assert state == 3


def test_new_numbers_exceed_those_of_stale_entries() -> None:
    stale = hvle_log([STATES[5], STATES[0]], 70_000)[512:]
    opened, _ = recovered({"LOG1": hvle_log(STATES[:4], 99) + stale})
    assert opened.next_sequence == 70_001


def test_a_clean_hive_ignores_its_logs() -> None:
    opened = Hive.open(STATES[0], {"LOG1": hvle_log(STATES, 1)})
    assert not opened.recovery.dirty
    assert not opened.changed


def test_a_bad_base_block_comes_from_the_later_log() -> None:
    data = bytearray(dirtied(STATES[3], 102))
    data[30:60] = b"\xff" * 30
    logs = {"LOG1": hvle_log(STATES[:4], 99), "LOG2": hvle_log(STATES[3:], 102)}
    opened, state = recovered(logs, bytes(data))
    assert state == 6
    assert opened.recovery.base_block_recovered
    assert opened.recovery.logs == ("LOG2",)
    with pytest.raises(RegfError, match="no log can replace"):
        Hive.open(bytes(data))


@pytest.mark.parametrize("damage", ["checksum", "unfinished", "type", "signature"])
def test_a_damaged_log_is_refused_and_one_beside_it_used(damage: str) -> None:
    log = bytearray(hvle_log(STATES, 99))
    if damage == "checksum":
        log[508] ^= 1
    elif damage == "unfinished":
        struct.pack_into("<I", log, 8, 98)
        sealed(log)
    elif damage == "type":
        struct.pack_into("<I", log, 28, 9)
        sealed(log)
    else:
        log[0] = 0
    with pytest.raises(RegfError) as caught:
        Hive.open(DIRTY, {"LOG1": bytes(log)})
    assert "--ignore-logs" in (caught.value.hint or "")
    assert Hive.open(DIRTY, {"LOG1": bytes(log)}, ignore_logs=True).read_only
    _, state = recovered({"LOG1": bytes(log), "LOG2": hvle_log(STATES, 99)})
    assert state == 6


def test_pages_outside_an_entry_or_far_outside_the_hive_are_refused() -> None:
    def resealed(log: bytearray) -> bytes:
        (size,) = struct.unpack_from("<I", log, 516)
        struct.pack_into("<Q", log, 536, marvin32(bytes(log[552 : 512 + size])))
        struct.pack_into("<Q", log, 544, marvin32(bytes(log[512:544])))
        return bytes(log)

    for place, number in ((532, 5000), (552, 1 << 30), (556, 1 << 20)):
        log = bytearray(hvle_log(STATES[:2], 99))
        struct.pack_into("<I", log, 528, 1 << 30 if place == 552 else 40960)
        struct.pack_into("<I", log, place, number)
        with pytest.raises(RegfError):
            Hive.open(DIRTY, {"LOG1": resealed(log)})


def test_the_old_format() -> None:
    data = dirtied(STATES[0], 100, timestamp=TIMESTAMP + 5)
    log = dirt_log(STATES[0], STATES[6], 100, TIMESTAMP + 5)
    opened, state = recovered({"LOG": log}, data)
    assert (state, opened.recovery.entries_applied, opened.recovery.logs) == (6, 1, ("LOG",))
    for broken in (log[:-512], log[:600], dirt_log(STATES[0], STATES[6], 100, TIMESTAMP + 6)):
        with pytest.raises(RegfError):
            Hive.open(data, {"LOG1": broken})


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_random_damage_to_logs_gives_a_whole_hive_or_an_error(data: st.DataObject) -> None:
    log = bytearray(hvle_log(STATES, 99))
    for _ in range(data.draw(st.integers(1, 4))):
        log[data.draw(st.integers(0, len(log) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        _, state = recovered({"LOG2": bytes(log)})
    except RegfError:
        return
    assert 0 <= state <= 6
