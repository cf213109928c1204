from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reseal.regf import Hive, Key, RegfError, types
from reseal.testing.hives import TIMESTAMP, hive
from tests import oracles
from tests.oracles import Tree, tree_of

if TYPE_CHECKING:
    from collections.abc import Callable

SPEC = {
    "Select": {"Current": 1, "Default": 1, "": "the default value"},
    r"ControlSet001\Control": {
        "Session Manager": {"SETUPEXECUTE": ["setupcl.exe"], "Empty": []},
        "binary": b"\x01\x02\x03",
        "long": b"x" * 20_000,
        "longer": bytes(range(256)) * 400,
        "plain": b"y" * 16344,
        "odd type": (0xFFFF0011, b"12345"),
        "nothing": b"",
        "naïve": "latin-1",
        "имя": "кириллица",
    },
    "Ключ": {"a": (types.REG_QWORD, 1 << 40)},
}


def judged(edited: Hive) -> Tree:
    """What the hive holds, after a verify and after all other readers agreed."""
    assert edited.verify() == []
    assert edited.verify(touched_only=True) == []
    data = edited.to_bytes()
    ours = oracles.reseal(data)
    for name, oracle in oracles.ORACLES.items():
        assert oracle(data) == ours, name
    assert ours == tree_of(edited)
    return ours


def need(key: Key | None) -> Key:
    assert key is not None
    return key


# Version 1.4 has big data too, but dissect.regf looks for it only from 1.5 on.
@pytest.mark.parametrize("minor", [3, 5, 6])
def test_a_built_hive_means_the_same_to_everybody(minor: int) -> None:
    built = hive(SPEC, version=(1, minor))
    tree = judged(built)
    assert tree[r"ControlSet001\Control"]["longer"] == (3, bytes(range(256)) * 400)
    assert tree[r"ControlSet001\Control"]["odd type"] == (0xFFFF0011, b"12345")
    assert tree["Select"][""] == (1, types.encode(1, "the default value"))
    assert tree["Ключ"]["a"] == (11, (1 << 40).to_bytes(8, "little"))
    assert len(tree) == 6


def test_builds_are_reproducible() -> None:
    assert hive(SPEC).to_bytes() == hive(SPEC).to_bytes()


def test_keys_and_values_are_found_without_regard_to_case() -> None:
    built = hive(SPEC)
    key = need(built.key(r"controlset001\CONTROL\session manager"))
    assert (key.name, key.path) == ("Session Manager", r"ControlSet001\Control\Session Manager")
    value = key.value("setupexecute")
    assert value is not None
    assert (value.name, value.type, value.decoded) == ("SETUPEXECUTE", 7, ["setupcl.exe"])
    assert need(built.key("КЛЮЧ")).name == "Ключ"
    assert built.key("nowhere") is None
    assert key.value("nothing") is None


def reopened(built: Hive) -> Hive:
    again = Hive.open(built.to_bytes())
    again.timestamp = TIMESTAMP + 1
    return again


def test_an_untouched_hive_has_nothing_to_write() -> None:
    again = reopened(hive(SPEC))
    assert not again.changed
    assert again.patches() == []
    again.root.create("Select").set("Current", 4, b"\1\0\0\0")
    assert not again.changed


def test_patches_are_small_and_give_the_whole_file() -> None:
    data = hive({f"key{n}": {"value": b"z" * 900} for n in range(400)}).to_bytes()
    edited = Hive.open(data)
    need(edited.key("key77")).set("value", 3, b"changed")
    patches = edited.patches()
    assert sum(len(content) for _, content in patches) <= 5 * 4096
    patched = bytearray(data)
    for offset, content in patches:
        patched[offset : offset + len(content)] = content
    assert patched == edited.to_bytes()
    judged(edited)


def test_sequence_numbers_rise_past_the_old_ones() -> None:
    data = bytearray(hive(SPEC).to_bytes())
    edited = Hive.open(data)
    before = int.from_bytes(data[4:8], "little")
    edited.root.create("new")
    after = edited.to_bytes()
    assert after[4:8] == after[8:12] == (before + 1).to_bytes(4, "little")
    assert edited.to_bytes() == after


def test_values_change_in_every_direction() -> None:
    edited = reopened(hive(SPEC))
    key = need(edited.key(r"ControlSet001\Control"))
    sizes = [0, 1, 4, 5, 100, 16344, 16345, 3, 70_000, 40_000, 16344, 7, 0, 16345 * 3]
    for size in sizes:
        key.set("binary", 3, b"q" * size)
        assert judged(edited)[key.path]["binary"] == (3, b"q" * size)
    assert key.unset("BINARY")
    assert not key.unset("binary")
    assert "binary" not in judged(edited)[key.path]
    for value in list(key.values()):
        key.unset(value.name)
    assert judged(edited)[key.path] == {}


def test_a_hive_does_not_grow_when_a_value_goes_back_and_forth() -> None:
    edited = reopened(hive(SPEC))
    key = need(edited.key("Select"))
    for _ in range(10):
        key.set("x", 3, b"a" * 5000)
        key.set("x", 3, b"b" * 40)
    size = len(edited.to_bytes())
    for _ in range(2000):
        key.set("x", 3, b"a" * 5000)
        key.set("x", 3, b"b" * 40)
        key.unset("x")
    assert len(edited.to_bytes()) == size
    judged(edited)


@pytest.mark.parametrize("minor", [2, 3, 5])
def test_thousands_of_subkeys_come_and_go(minor: int) -> None:
    edited = hive({"parent": {}}, version=(1, minor))
    parent = need(edited.key("parent"))
    names = [f"k{n * 7919 % 1500:04}" for n in range(1500)]  # several lists below one
    for name in names:
        parent.create(name)
    assert [key.name for key in parent.subkeys()] == sorted(names)
    judged(edited)
    for name in names[::2]:
        need(parent.subkey(name)).delete()
    assert [key.name for key in parent.subkeys()] == sorted(names[1::2])
    judged(edited)
    for key in list(parent.subkeys()):
        key.delete()
    assert judged(edited) == {"": {}, "parent": {}}


def test_a_deleted_tree_is_gone_and_its_space_is_free() -> None:
    edited = reopened(hive(SPEC))
    doomed = need(edited.key("ControlSet001"))
    child = need(doomed.key("Control"))
    value = child.value("long")
    doomed.delete()
    assert sorted(judged(edited)) == ["", "Select", "Ключ"]
    for stale in (lambda: child.name, lambda: doomed.path, lambda: value and value.data):
        with pytest.raises(RegfError, match="deleted"):
            stale()
    size = len(edited.to_bytes())
    again = edited.root.create("ControlSet001")
    again.set("long", 3, b"x" * 100_000)
    assert len(edited.to_bytes()) == size
    judged(edited)
    assert b"setupcl" not in edited.to_bytes().replace(b"\0", b"")


@pytest.mark.parametrize("name", ["select", "S", "A much longer name than it had before", "Ωmega"])
def test_renamed_keys_keep_all_they_have(name: str) -> None:
    edited = reopened(hive({"Select": {"below": {"deep": {"v": 1}}, "w": 2}, "Middle": {}}))
    key, below = need(edited.key("Select")), need(edited.key(r"Select\below"))
    other = need(edited.key("Select"))
    key.rename(name)
    tree = judged(edited)
    assert sorted(tree) == sorted(["", "Middle", name, rf"{name}\below", rf"{name}\below\deep"])
    assert (key.name, other.name, below.path) == (name, name, rf"{name}\below")
    assert tree[rf"{name}\below\deep"] == {"v": (4, b"\1\0\0\0")}


@pytest.mark.parametrize(
    "edit",
    [
        lambda h: h.root.delete(),
        lambda h: h.root.rename("other"),
        lambda h: h.root.create("a").rename("B"),
        lambda h: h.root.create("a").rename(r"c\d"),
        lambda h: h.root.create("a").rename(""),
        lambda h: h.root.create("x" * 256),
        lambda h: h.root.create("\\".join("d" * 513)),
        lambda h: h.root.set("n" * 16384, 3, b""),
    ],
)
def test_impossible_edits_are_refused_and_break_nothing(edit: Callable[[Hive], None]) -> None:
    edited = hive({"a": {}, "b": {}})
    with pytest.raises(RegfError):
        edit(edited)


def test_last_written_times_follow_edits() -> None:
    edited = hive({"a": {"b": {}}, "c": {}})
    edited.timestamp = TIMESTAMP + 7
    need(edited.key(r"a\b")).set("v", 4, b"1234")
    need(edited.key("c")).delete()
    times = {path: need(edited.key(path)).last_written for path in ("", "a", r"a\b")}
    assert times == {"": TIMESTAMP + 7, "a": TIMESTAMP, r"a\b": TIMESTAMP + 7}


def test_classes_and_descriptors() -> None:
    edited = hive({"a": {"b": {}}, "c": {}})
    a, c = need(edited.key("a")), need(edited.key("c"))
    assert a.class_data is None
    a.set_class_name("a1b2c3d4")
    descriptor = bytes.fromhex("0100048014000000240000000000000000000000") + bytes.fromhex(
        "01020000000000052000000020020000" * 2
    )
    a.set_descriptor(descriptor)
    c.set_descriptor(descriptor)
    inherited = a.create("new")
    judged(edited)
    assert (a.class_name, inherited.descriptor) == ("a1b2c3d4", descriptor)
    assert edited.root.descriptor != descriptor
    a.set_class_name(None)
    for key in (c, a):
        key.delete()
    judged(edited)


def test_a_read_only_hive_refuses_edits() -> None:
    data = bytearray(hive(SPEC).to_bytes())
    data[8] ^= 1
    data[508:512] = (int.from_bytes(data[508:512], "little") ^ 1).to_bytes(4, "little")
    dirty = Hive.open(bytes(data), ignore_logs=True)
    assert dirty.recovery.dirty
    with pytest.raises(RegfError, match="read-only"):
        dirty.root.create("x")
