"""The Windows that an answer file is checked for, on its way between processes."""

from __future__ import annotations

import json

import pytest

from reseal.answerfile import Target


@pytest.mark.parametrize(
    "target",
    [
        Target(),
        Target("amd64", 22631, frozenset({"UTC", "W. Europe Standard Time"})),
        Target(
            keyboard_layouts=frozenset(), components=frozenset({"x86_microsoft-windows-p..g-x"})
        ),
    ],
)
def test_it_comes_back_as_it_was(target: Target) -> None:
    assert Target.from_json(json.loads(json.dumps(target.to_json()))) == target
