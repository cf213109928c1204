"""What any change behind Windows' back entails."""

from __future__ import annotations

from dataclasses import replace

from tests.builders import CLEAN, session


def test_a_change_gives_shadow_copies_up_and_says_so_once() -> None:
    one = session(volume_state=replace(CLEAN, shadow_copies=2))
    one.write_file(r"Windows\new.txt", b"1")
    one.settle()
    one.settle()
    assert [change.kind for change in one.changes] == ["write_file", "discard_shadow_copies"]
    assert one.discard_shadow_copies
    (note,) = one.notes
    assert "shadow copies" in note


def test_a_change_that_a_journal_misses_is_told() -> None:
    one = session(volume_state=replace(CLEAN, journal=True))
    one.write_file(r"Windows\new.txt", b"1")
    one.settle()
    (note,) = one.notes
    assert "USN journal" in note


def test_without_a_change_nothing_is_entailed() -> None:
    one = session(volume_state=replace(CLEAN, shadow_copies=2, journal=True))
    one.settle()
    assert not one.discard_shadow_copies
    assert not one.changes
    assert not one.notes


def test_a_folder_has_neither() -> None:
    one = session(volume_state=None)
    one.write_file(r"Windows\new.txt", b"1")
    one.settle()
    assert one.notes == []
