"""What any change behind Windows' back entails."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reseal.session import Neighbours, Session
from reseal.session.aftermath import settle
from reseal.testing.machine import Machine, tree
from reseal.testing.memory import MemoryTree
from reseal.windows import Installation
from reseal.windows.volumes import Volumes
from tests.builders import CLEAN, session


def test_a_change_gives_shadow_copies_up_and_says_so_once() -> None:
    one = session(volume_state=replace(CLEAN, shadow_copies=2))
    one.write_file(r"Windows\new.txt", b"1")
    settle(one)
    settle(one)
    assert [change.kind for change in one.changes] == ["write_file", "discard_shadow_copies"]
    assert one.discard_shadow_copies
    (note,) = one.notes
    assert "shadow copies" in note


def test_a_change_that_a_journal_misses_is_told() -> None:
    one = session(volume_state=replace(CLEAN, journal=True))
    one.write_file(r"Windows\new.txt", b"1")
    settle(one)
    (note,) = one.notes
    assert "USN journal" in note


def test_without_a_change_nothing_is_entailed() -> None:
    one = session(volume_state=replace(CLEAN, shadow_copies=2, journal=True))
    settle(one)
    assert not one.discard_shadow_copies
    assert not one.changes
    assert not one.notes


def test_a_folder_has_neither() -> None:
    one = session(volume_state=None)
    one.write_file(r"Windows\new.txt", b"1")
    settle(one)
    assert one.notes == []


OWN, DATA, BARE, CLOSED, WINDOWS = 3, 4, 5, 6, 7


def several(*, all_volumes: bool = False) -> Session:
    """A session on a disk with a letter D:, a volume without one, a closed one and another Windows."""
    machine = Machine(system={"MountedDevices": {r"\DosDevices\D:": b"data"}})
    memory = MemoryTree(tree(machine))
    others = {number: lambda: MemoryTree({"Old": {"x.txt": b"x"}}) for number in (DATA, BARE)}
    installation = Installation(
        memory, "Windows", volume=OWN, volumes=Volumes(memory, others, {b"data": DATA})
    )
    installation.registry.all_volumes = all_volumes
    neighbours = Neighbours(
        installations=(f"{WINDOWS}:Windows",), closed_volumes={CLOSED: "formatted with ReFS"}
    )
    return Session(installation, volume_state=CLEAN, neighbours=neighbours)


CHANGES = {
    "a file": lambda one: one.write_file(r"D:\New\x.txt", b"1"),
    "a deletion": lambda one: one.delete_tree(r"D:\Old"),
    "a folder": lambda one: one.make_directory(r"D:\New"),
    "a move": lambda one: one.move(r"D:\Old", r"D:\New"),
    "a rename at the end": lambda one: one.rename_last(r"D:\Old", "New"),
    "permissions": lambda one: one.set_descriptor(r"D:\Old", b"descriptor"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_each_volume_that_is_changed_is_wiped_and_no_other(change: Any) -> None:
    one = several()
    change(one)
    one.wipe_free_space()
    settle(one)
    assert one.wiped_volumes == {OWN, DATA}
    wiped = [change.target for change in one.changes if change.kind == "wipe_free"]
    assert wiped == [f"volume {number}: free clusters and slack" for number in (OWN, DATA)]
    (note,) = one.notes
    assert "wiped on volume 3 (C:), volume 4 (D:), not on volume 5, volume 6, volume 7," in note


def test_with_all_volumes_all_but_closed_ones_and_other_windows_are_wiped() -> None:
    one = several(all_volumes=True)
    one.wipe_free_space()
    settle(one)
    assert one.wiped_volumes == {OWN, DATA, BARE}
    (note,) = one.notes
    assert "not on volume 6, volume 7," in note


def test_a_change_on_windows_own_volume_reaches_no_other() -> None:
    one = several()
    one.write_file(r"Windows\new.txt", b"1")
    one.wipe_free_space()
    settle(one)
    assert one.wiped_volumes == {OWN}
