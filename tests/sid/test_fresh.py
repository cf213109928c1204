"""A fresh SID is one that reseal drew for an image that no machine has used since."""

from __future__ import annotations

import pytest

from reseal.sid import Replacement, change_now
from reseal.sid.fresh import VALUE, is_fresh, mark_fresh
from reseal.windows import Sid, identity, setup
from tests.builders import session

NEW = Sid.parse("S-1-5-21-1004336347-1177238914-682003331")


def test_a_sid_is_fresh_only_where_a_run_that_generalizes_says_so() -> None:
    one = session()
    assert not is_fresh(one.registry)
    old = identity.machine_sid(one.registry)
    assert old
    change_now(one, Replacement(old, NEW))
    # What `reseal sid --new` and clones get is a machine's own.
    assert not is_fresh(one.registry)
    mark_fresh(one, NEW)
    assert is_fresh(one.registry)
    stored = one.registry.value(setup.MODE_MARK, VALUE)
    assert isinstance(stored, bytes)
    assert len(stored) == 32
    assert NEW.to_bytes()[12:] not in stored


@pytest.mark.parametrize("tag", [["Mon Jan  1 00:00:00 2035"], []])
def test_an_image_that_was_generalized_again_has_a_machine_s_sid(tag: list[str]) -> None:
    one = session()
    sid = identity.machine_sid(one.registry)
    assert sid
    mark_fresh(one, sid)
    assert is_fresh(one.registry)
    one.set_strings(setup.SETUP, "CloneTag", tag)
    assert not is_fresh(one.registry)


def test_another_sid_is_not_fresh() -> None:
    one = session()
    mark_fresh(one, NEW)
    assert not is_fresh(one.registry)
