"""The scanner finds what a plain search finds, wherever it lies."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from reseal.proof.identity import Kind, MachineIdentity
from reseal.proof.needles import Needle, needles, too_short
from reseal.proof.scanner import Scanner

IDENTITY = MachineIdentity(
    machine_sid="S-1-5-21-1004336348-1177238915-682003330",
    computer_name="DESKTOP-ABC123",
    machine_guid="6d0c7d1f-6d6b-4e9e-9c2b-0a3d5e0f7a11",
    product_id="00330-80000-00000-AA123",
    mac_addresses=("00-15-5D-01-02-03",),
    user_names=("Anna", "Zoë Müller"),
    volume_serial="34f5ee1202469ff7",
)


def _plain(block: bytes, one: Needle) -> set[int]:
    searched = block.lower() if one.folded else block
    return {at for at in range(len(block)) if searched.startswith(one.data, at)}


def _found(block: bytes, searched: tuple[Needle, ...]) -> set[tuple[int, int]]:
    return set(Scanner(searched).find(block))


def test_every_form_is_found_at_every_alignment() -> None:
    searched = needles(IDENTITY)
    noise = random.Random(8)
    for index, one in enumerate(searched):
        for shift in range(8):
            block = b"\0" * (40 + shift) + one.data.swapcase() + b"\0" * 40
            if not one.folded:
                block = b"\0" * (40 + shift) + one.data + b"\0" * 40
            assert (40 + shift, index) in _found(block, searched)
            block = noise.randbytes(1 << 12) + b"\0\0" + block
            assert ((1 << 12) + 42 + shift, index) in _found(block, searched)


def test_across_the_parts_of_a_block() -> None:
    searched = needles(IDENTITY)
    part = 256 << 10
    for index, one in enumerate(searched):
        for before in range(len(one.data) + 1):
            block = bytearray(2 * part)
            start = part - before
            block[start : start + len(one.data)] = one.data
            assert (start, index) in _found(bytes(block), searched)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.binary(min_size=1, max_size=12), min_size=1, max_size=5, unique=True),
    st.binary(max_size=400),
    st.randoms(use_true_random=False),
)
def test_as_a_plain_search_does(words: list[bytes], block: bytes, chance: random.Random) -> None:
    searched = tuple(
        Needle(Kind.NAME, "x", "x", word.lower() if folded else word, folded)
        for word in words
        for folded in (False, True)
    )
    for word in words:
        at = chance.randrange(len(block) + 1)
        block = block[:at] + word + block[at:]
    for index, one in enumerate(searched):
        assert {at for at, found in _found(block, searched) if found == index} == _plain(block, one)


def test_a_short_name_is_a_whole_word_and_a_shorter_one_is_not_looked_for() -> None:
    searched = needles(MachineIdentity(computer_name="ANNA"))
    assert _found(b"joanna annas anna-1", searched) == set()
    assert {at for at, _ in _found(b"to Anna, to \\ANNA\0", searched)} == {3, 13}
    wide = "joanna; anna".encode("utf-16-le")
    assert {at for at, _ in _found(wide, searched)} == {16}
    assert needles(MachineIdentity(computer_name="PC1")) == ()
    assert too_short(MachineIdentity(computer_name="PC1", user_names=("Bo",))) == ["PC1", "Bo"]


def test_a_sid_is_found_in_accounts_and_in_sam() -> None:
    searched = needles(MachineIdentity(machine_sid=IDENTITY.machine_sid))
    assert {one.form for one in searched} == {"binary", "text (ASCII)", "text (UTF-16)"}
    account = b"S-1-5-21-1004336348-1177238915-682003330-1001"
    assert {at for at, _ in _found(account, searched)} == {9}
