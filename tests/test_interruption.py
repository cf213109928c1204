from __future__ import annotations

import os

import pytest

from reseal import interruption
from reseal.cli import entry


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process starts with."""
    for name, value in {"_depth": 0, "_waiting": False, "_holding": False}.items():
        monkeypatch.setattr(interruption, name, value)


def test_an_interruption_ends_the_work_at_once() -> None:
    with pytest.raises(KeyboardInterrupt), interruption.settled():
        interruption.interrupt()
    assert not interruption.holding()


def test_one_inside_the_merge_waits_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[bytes] = []
    monkeypatch.setattr(os, "write", lambda _, data: said.append(data))

    def merge() -> None:
        with interruption.settled():
            interruption.hold()
            _ctrl_c()
            said.append(b"merged")

    with pytest.raises(KeyboardInterrupt):
        merge()
    assert interruption.holding()
    assert b"reseal resume" in said[0]
    assert said[1] == b"merged"


def test_a_short_block_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[bytes] = []
    monkeypatch.setattr(os, "write", lambda _, data: said.append(data))

    def create() -> None:
        with interruption.uninterrupted():
            _ctrl_c()

    with pytest.raises(KeyboardInterrupt):
        create()
    assert not said


def _ctrl_c() -> None:
    interruption.interrupt()
    entry._say_waiting()
