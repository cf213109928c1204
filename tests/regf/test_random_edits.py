"""Random edits against a plain model, judged by `verify` and by other readers."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reseal.regf import Hive, Key, RegfError, names
from reseal.regf.compact import compact
from reseal.regf.descriptors import Ace
from reseal.testing.hives import TIMESTAMP, hive
from tests import oracles
from tests.conftest import CORPUS
from tests.regf.copying import copy_tree
from tests.regf.test_descriptors import ALL, SYSTEM, USER, descriptor
from tests.regf.test_recovery import opened

if TYPE_CHECKING:
    from collections.abc import Callable

#: Sequences of edits in a test run; `make fuzz` asks for more.
EXAMPLES = int(os.environ.get("RESEAL_EXAMPLES", "150"))
JUDGES = ("hivex", "dissect.regf", "python-registry")
#: hivex and dissect.regf can't read values without data, which a differencing hive has.
JUDGES_OF = {"Delta": ("regipy", "python-registry")}


@dataclass
class Node:
    """What a key is, in plain Python."""

    name: str
    values: dict[str, tuple[str, int, bytes]] = field(default_factory=dict)
    children: dict[str, Node] = field(default_factory=dict)
    class_name: str | None = None
    descriptor: bytes = b""


def modelled(key: Key) -> Node:
    return Node(
        key.name,
        {names.upcase(v.name): (v.name, v.type, v.data) for v in key.values()},
        {names.upcase(child.name): modelled(child) for child in key.subkeys()},
        key.class_name,
        key.descriptor,
    )


def tree(node: Node, path: str = "") -> oracles.Tree:
    result = {path: {name: (number, data) for name, number, data in node.values.values()}}
    for child in node.children.values():
        result |= tree(child, f"{path}\\{child.name}" if path else child.name)
    return result


def _ace(sid: bytes, flags: int) -> Ace:
    return Ace(0, flags, ALL + sid)


DESCRIPTORS = [
    descriptor(_ace(SYSTEM, 2)),
    descriptor(_ace(SYSTEM, 2), _ace(USER, 0)),
    descriptor(_ace(USER, 0xA), control=0x9404),
    descriptor(_ace(SYSTEM, 0)),
]

SAMPLES: dict[str, Callable[[], Hive]] = {
    "empty 1.2": lambda: hive({}, version=(1, 2)),
    "empty 1.3": lambda: hive({}, version=(1, 3)),
    "empty 1.5": lambda: hive({}),
    "small": lambda: hive({"A": {"B": {"v": b"x" * 20_000}, "C": {"": "s"}}, "Д": {"w": ["m"]}}),
    "many": lambda: hive({"p": {f"k{n:03}": {"v": n} for n in range(506)}}, version=(1, 3)),
}
REAL = {
    "SAM": "machines/win10-21h1/SAM",
    "ELAM": "machines/win10-21h1/ELAM",
    "BCD": "machines/win10-21h1/BCD-Template",
    "SECURITY": "machines/win10-21h1/SECURITY",
    "DEFAULT": "machines/win10-21h1/DEFAULT",
    "BigData": "regf-corner-cases/BigDataHive",
    "Delta": "regf-corner-cases/System_Delta",
}


@cache
def start(name: str) -> bytes:
    """A hive to begin with, whole."""
    return (SAMPLES[name]() if name in SAMPLES else opened(CORPUS / REAL[name])).to_bytes()


NAMES = st.one_of(
    st.sampled_from(
        ["a", "A", "b", "select", "Ω", "ω", "é", "É", "a longer name than that", "x" * 255]
    ),
    st.text(st.characters(max_codepoint=0x17F, exclude_characters="\\\0"), min_size=1, max_size=9),
)
SIZES = st.one_of(
    st.integers(0, 9), st.integers(10, 300), st.sampled_from([16344, 16345, 16349, 40_000])
)
PICK = st.integers(0, 10_000)
EDITS = st.one_of(
    st.tuples(st.just("create"), PICK, NAMES),
    st.tuples(st.just("create"), PICK, NAMES),
    st.tuples(
        st.just("set"), PICK, NAMES | st.just(""), st.integers(0, 12) | st.just(0xFFFF0011), SIZES
    ),
    st.tuples(
        st.just("set"), PICK, NAMES | st.just(""), st.integers(0, 12) | st.just(0xFFFF0011), SIZES
    ),
    st.tuples(st.just("change"), PICK, PICK, SIZES),
    st.tuples(st.just("unset"), PICK, PICK),
    st.tuples(st.just("delete"), PICK),
    st.tuples(st.just("rename"), PICK, NAMES),
    st.tuples(st.just("class"), PICK, st.none() | NAMES),
    st.tuples(st.just("descriptor"), PICK, st.sampled_from(DESCRIPTORS)),
    st.tuples(st.just("copy"), PICK, PICK, NAMES),
    st.tuples(st.just("compact")),
    st.tuples(st.just("reopen")),
)
Edit = tuple[object, ...]


class Pair:
    """A hive and its model, changed together."""

    def __init__(self, data: bytes) -> None:
        self.hive = Hive.open(data)
        self.hive.timestamp = TIMESTAMP
        self.model = modelled(self.hive.root)

    def places(self) -> list[tuple[Key, Node, Node | None]]:
        """Every key with its model and that of its parent."""
        found: list[tuple[Key, Node, Node | None]] = [(self.hive.root, self.model, None)]
        for key, node, _ in found:
            for child in key.subkeys():
                found.append((child, node.children[names.upcase(child.name)], node))
        return found

    def apply(self, edit: Edit) -> None:
        verb, *arguments = edit
        if verb == "compact":
            self.hive = compact(self.hive)
            return
        if verb == "reopen":
            self.hive = Hive.open(self.hive.to_bytes())
            self.hive.timestamp = TIMESTAMP
            return
        places = self.places()
        pick, *rest = arguments
        assert isinstance(pick, int)
        place = places[pick % len(places)]
        getattr(self, f"_{verb}")(place, *rest)

    def _create(self, place: tuple[Key, Node, Node | None], name: str) -> None:
        key, node, _ = place
        made = key.create(name)
        upper = names.upcase(name)
        if upper not in node.children:
            node.children[upper] = Node(name, descriptor=made.descriptor)

    def _set(self, place: tuple[Key, Node, Node | None], name: str, number: int, size: int) -> None:
        key, node, _ = place
        data = bytes((size + index) & 0xFF for index in range(size))
        key.set(name, number, data)
        known = node.values.get(names.upcase(name))
        node.values[names.upcase(name)] = (known[0] if known else name, number, data)

    def _change(self, place: tuple[Key, Node, Node | None], pick: int, size: int) -> None:
        _, node, _ = place
        if node.values:
            name, number, _ = list(node.values.values())[pick % len(node.values)]
            self._set(place, name, number, size)

    def _unset(self, place: tuple[Key, Node, Node | None], pick: int) -> None:
        key, node, _ = place
        if node.values:
            upper, (name, *_) = list(node.values.items())[pick % len(node.values)]
            assert key.unset(name)
            del node.values[upper]

    def _delete(self, place: tuple[Key, Node, Node | None]) -> None:
        key, node, parent = place
        if parent is not None:
            key.delete()
            del parent.children[names.upcase(node.name)]

    def _rename(self, place: tuple[Key, Node, Node | None], name: str) -> None:
        key, node, parent = place
        if parent is None:
            return
        upper = names.upcase(name)
        taken = upper in parent.children and parent.children[upper] is not node
        try:
            key.rename(name)
        except RegfError:
            assert taken
            return
        assert not taken
        del parent.children[names.upcase(node.name)]
        node.name = name
        parent.children[upper] = node

    def _class(self, place: tuple[Key, Node, Node | None], name: str | None) -> None:
        key, node, _ = place
        key.set_class_name(name)
        node.class_name = name

    def _descriptor(self, place: tuple[Key, Node, Node | None], content: bytes) -> None:
        key, node, _ = place
        key.set_descriptor(content)
        node.descriptor = content

    def _copy(self, place: tuple[Key, Node, Node | None], pick: int, name: str) -> None:
        places = self.places()
        key, node, _ = places[pick % len(places)]
        if len(places) > 60 or names.upcase(name) in node.children:
            return
        made = copy_tree(place[0], key, name)
        node.children[names.upcase(name)] = modelled(made)
        source = tree(place[1])
        copied = tree(node.children[names.upcase(name)])
        if key.path != place[0].path and not key.path.startswith(place[0].path + "\\"):
            assert copied == source or place[1] is self.model

    def check(self, judges: tuple[str, ...]) -> None:
        hive = self.hive
        assert hive.verify() == []
        assert hive.verify(touched_only=True) == []
        assert modelled(hive.root) == self.model
        expected = tree(self.model)
        data = hive.to_bytes()
        for name in judges:
            assert oracles.ORACLES[name](data) == expected, name


@given(st.sampled_from(sorted(SAMPLES)), st.lists(EDITS, min_size=5, max_size=40))
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_edits_of_sample_hives(name: str, edits: list[Edit]) -> None:
    pair = Pair(start(name))
    for edit in edits:
        pair.apply(edit)
    pair.check(JUDGES_OF.get(name, JUDGES))


@given(st.sampled_from(sorted(REAL)), st.lists(EDITS, min_size=5, max_size=40))
@settings(max_examples=EXAMPLES // 3, deadline=None, suppress_health_check=list(HealthCheck))
def test_edits_of_real_hives(corpus: object, name: str, edits: list[Edit]) -> None:
    pair = Pair(start(name))
    for edit in edits:
        pair.apply(edit)
    pair.check(JUDGES_OF.get(name, JUDGES))
