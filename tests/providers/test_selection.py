from __future__ import annotations

import pytest

from reseal.errors import UsageError
from reseal.providers.plugins import own
from reseal.providers.selection import select


def _ids(**options: list[str]) -> list[str]:
    return [one.id for one in select(**options)]


def test_what_is_on_by_default_runs() -> None:
    assert _ids() == [one.id for one in own() if one.default]


def test_providers_can_be_added_and_left_out_and_keep_their_order() -> None:
    ids = _ids(enable=["openssh", "machine-guid"], disable=["event-logs", "splunk"])
    assert set(ids) == ({*_ids(), "openssh"}) - {"event-logs", "splunk"}
    assert ids == [one.id for one in own() if one.id in ids]


def test_an_unknown_name_is_refused_with_the_nearest_ones() -> None:
    with pytest.raises(UsageError, match="dokcer is not a known provider") as error:
        select(enable=["dokcer"])
    assert error.value.hint
    assert "docker" in error.value.hint
    with pytest.raises(UsageError) as error:
        select(disable=["qqqqqqqq"])
    assert error.value.hint == "`reseal providers` lists them all."


def test_one_name_can_t_be_both() -> None:
    with pytest.raises(UsageError, match="openssh can't be enabled and disabled"):
        select(enable=["openssh"], disable=["openssh"])
