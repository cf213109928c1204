from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reseal.regf import descriptors, security
from reseal.regf.descriptors import Ace, Acl, Descriptor
from reseal.regf.reader import Reader
from reseal.testing.hives import hive
from tests.regf.test_recovery import opened

if TYPE_CHECKING:
    from pathlib import Path

SYSTEM = bytes.fromhex("010100000000000512000000")
OWNER = bytes.fromhex("010100000000000300000000")
USER = bytes.fromhex("0105000000000005150000000100000002000000030000000a000000")
ALL = (0xF003F).to_bytes(4, "little")
GENERIC_ALL = (0x10000000).to_bytes(4, "little")


def descriptor(*entries: Ace, control: int = 0x8004, owner: bytes = USER) -> bytes:
    return Descriptor(control, owner, SYSTEM, None, Acl(2, entries)).pack()


@pytest.mark.parametrize(
    ("above", "below"),
    [
        # A plain inheritable entry goes on as it is, protection does not.
        (
            descriptor(Ace(0, 2, ALL + SYSTEM), control=0x9004),
            descriptor(Ace(0, 2, ALL + SYSTEM)),
        ),
        # Below a list that was made by inheritance entries are marked as inherited.
        (
            descriptor(Ace(0, 0, ALL + USER), Ace(0, 2, ALL + SYSTEM), control=0x8404),
            descriptor(Ace(0, 0x12, ALL + SYSTEM), control=0x8404),
        ),
        # CREATOR OWNER and generic rights: one entry that counts here, one to be passed on.
        (
            descriptor(Ace(0, 0xA, GENERIC_ALL + OWNER)),
            descriptor(Ace(0, 0, ALL + USER), Ace(0, 0xA, GENERIC_ALL + OWNER)),
        ),
        # No propagation: this level only.
        (
            descriptor(Ace(0, 6, ALL + SYSTEM)),
            descriptor(Ace(0, 0, ALL + SYSTEM)),
        ),
        # For objects only: passed on, but without effect on keys.
        (
            descriptor(Ace(0, 1, ALL + USER), Ace(0, 2, ALL + SYSTEM)),
            descriptor(Ace(0, 9, ALL + USER), Ace(0, 2, ALL + SYSTEM)),
        ),
    ],
)
def test_inheritance(above: bytes, below: bytes) -> None:
    assert descriptors.inherit(above) == below


def test_where_nothing_can_be_inherited_the_parent_is_the_model() -> None:
    alone = descriptor(Ace(0, 0, ALL + SYSTEM))
    assert descriptors.inherit(alone) == alone
    assert descriptors.inherit(b"junk") == b"junk"


def test_real_keys_inherit_in_this_way(corpus: Path) -> None:
    """Where a child's DACL is all inherited from its parent's, ours is the same in most cases."""
    outcome: Counter[str] = Counter()
    for name in ("win10-1709/SYSTEM", "win10-21h1/Users/AndrewRathbun/NTUSER.DAT"):
        found = opened(corpus / "machines" / name)
        reader = Reader(found.cells)
        nodes = {}
        for _, offset, key in reader.walk(found.root_offset):
            nodes[offset] = key
            above = nodes.get(key.parent)
            if above is None or above.security == key.security:
                continue
            parent = security.read(found.cells, above.security)
            own = descriptors.parse(security.read(found.cells, key.security))
            ours = descriptors.parse(descriptors.inherit(parent))
            if own.dacl and ours.dacl and not own.control & 0x1000:
                bodies = [entry.body for entry in own.dacl.entries]
                same_bodies = bodies == [entry.body for entry in ours.dacl.entries]
                if same_bodies:
                    outcome["same" if own.dacl == ours.dacl else "other flags"] += 1
    assert outcome["same"] > 3000
    assert outcome["same"] > 5 * outcome["other flags"]


def test_every_descriptor_of_the_corpus_is_taken_apart_and_put_together(corpus: Path) -> None:
    seen: set[bytes] = set()
    for name in ("win10-1709/SYSTEM", "win10-21h1/SAM", "win7sp1-x86-domain-joined/SYSTEM"):
        found = opened(corpus / "machines" / name)
        for _, _, key in Reader(found.cells).walk(found.root_offset):
            seen.add(security.read(found.cells, key.security))
    assert len(seen) > 400
    for data in seen:
        parsed = descriptors.parse(data)
        assert descriptors.parse(parsed.pack()) == parsed


@given(st.binary(max_size=120))
def test_junk_is_refused(data: bytes) -> None:
    for candidate in (data, b"\1\0\4\x80" + data):
        try:
            descriptors.parse(candidate)
        except ValueError:
            continue


def test_new_keys_share_what_they_inherit() -> None:
    above = descriptor(Ace(0, 0xA, GENERIC_ALL + OWNER), Ace(0, 2, ALL + SYSTEM))
    built = hive({}, descriptor=above)
    for n in range(5):
        built.root.create(f"k{n}\\below")
    assert built.verify() == []
    distinct = {key.security for _, _, key in Reader(built.cells).walk(built.root_offset)}
    assert len(distinct) == 2
    key = built.key(r"k3\below")
    assert key is not None
    assert key.descriptor == descriptors.inherit(above)
    for n in range(5):
        doomed = built.key(f"k{n}")
        assert doomed is not None
        doomed.delete()
    assert built.verify() == []
    assert built.root.create("again").descriptor == descriptors.inherit(above)
    assert built.verify() == []
