"""Windows's own stores against reseal's: rewritten from scratch, and built from the template.

Every object and element that differs stands in the table, with the reason; one more or one less fails.
"""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from reseal.bcd import Store, elements, objects
from reseal.regf import Hive
from reseal.testing.boot import store as new_store
from tests.bcd.stores import MACHINES, REAL, real
from tests.bcd.test_build import OLDER_TEMPLATE, TEMPLATE, _rebuilt
from tests.oracles import ORACLES, Tree

#: (object's kind, element; "" for the whole object) to who has it, and why.
Table = dict[tuple[str, str], tuple[str, str]]

_FIRMWARE = (
    "copied from the firmware's memory while Windows runs; an image is in no firmware's memory"
)
WINDOWS_10: Table = {
    ("firmware boot manager", ""): ("theirs", _FIRMWARE),
    ("firmware application", ""): ("theirs", _FIRMWARE),
}
WINDOWS_8_1: Table = {
    ("firmware boot manager", ""): ("theirs", _FIRMWARE),
    ("firmware application", ""): ("theirs", _FIRMWARE),
    ("boot manager", "integrityservices"): (
        "theirs", "Windows 8.1 turns on a check of its own, which its template does not have either",
    ),
    ("loader", "integrityservices"): ("theirs", "as in the boot manager"),
    ("loader", "displaymessageoverride"): (
        "ours", "Windows 10 has it; in Windows 8.1 the recovery environment's loader has it",
    ),
    ("recovery environment", "displaymessageoverride"): (
        "theirs", "Windows 8.1 has here what Windows 10 has in the loader",
    ),
    ("recovery environment", "locale"): (
        "both", "Windows 10 writes this one in lower case, Windows 8.1 does not",
    ),
}  # fmt: skip
TABLES = {MACHINES[0]: (TEMPLATE, "733b62e", "Windows 10", WINDOWS_10),
          MACHINES[1]: (OLDER_TEMPLATE, "ca3aabf", "Windows 8.1", WINDOWS_8_1)}  # fmt: skip

_KINDS = {
    objects.FIRMWARE_BOOT_MANAGER: "firmware boot manager",
    objects.FIRMWARE_APPLICATION: "firmware application",
    objects.BOOT_MANAGER: "boot manager",
    objects.MEMORY_TESTER: "memory tester",
    objects.RESUME: "resume application",
    objects.DEVICE_OPTIONS: "device options",
}


def _kind(store: Store, one: UUID) -> str:
    found = store.object(one)
    assert found
    if found.type == objects.OS_LOADER:
        pe = found.value(elements.number("winpe", objects.OS_LOADER))
        return "recovery environment" if pe else "loader"
    return _KINDS.get(found.type, "settings")


def _differences(theirs: Store, ours: Store) -> dict[tuple[str, str], str]:
    """What differs between two stores, and who has it."""
    found: dict[tuple[str, str], str] = {}
    ids = {one.id for one in theirs} | {one.id for one in ours}
    for identifier in ids:
        old, new = theirs.object(identifier), ours.object(identifier)
        if old is None or new is None:
            has = ours if old is None else theirs
            found[_kind(has, identifier), ""] = "ours" if old is None else "theirs"
            continue
        assert old.type == new.type
        values = [{e.number: e.value for e in one.elements()} for one in (old, new)]
        for number in values[0].keys() | values[1].keys():
            first, second = (one.get(number) for one in values)
            if first != second:
                side = "theirs" if second is None else "ours" if first is None else "both"
                found[_kind(theirs, identifier), elements.name(number, old.type)] = side
    return found


@pytest.mark.parametrize("name", MACHINES)
def test_every_difference_is_explained(corpus: Path, name: str) -> None:
    template, prefix, description, table = TABLES[name]
    theirs = real(corpus, name)
    ours = _rebuilt(corpus, template, theirs, prefix, description)
    assert _differences(theirs, ours) == {key: side for key, (side, _) in table.items()}
    assert all(why for _, why in table.values())
    # Everything else is there: at least ten objects with all their elements.
    assert sum(1 for _ in ours) >= 10


def _objects(tree: Tree) -> Tree:
    """The objects of a store, without what may be written in several ways.

    Templates have integers of one byte, which bcdboot widens to eight (seen), as reseal does. Behind the
    end of a text there may be anything. A firmware entry keeps its own bytes in a value beside its type.
    """
    found: Tree = {}
    for path, values in tree.items():
        if not path.startswith("Objects\\"):
            continue
        path = path.lower()  # noqa: PLW2901  a template has GUIDs in capitals, too
        found[path] = dict(values)
        found[path].pop("FirmwareVariable", None)
        if "Element" in values:
            kind, data = values["Element"]
            if path.rpartition("\\")[2][1] == "5":
                data = data.ljust(8, b"\0")
            elif kind == 1:
                data = data.decode("utf-16-le").partition("\0")[0].encode()
            found[path]["Element"] = (kind, data)
    return found


@pytest.mark.parametrize("name", REAL)
def test_a_real_store_is_written_anew_with_the_same_content(corpus: Path, name: str) -> None:
    """Its values read, and written to an empty hive: all readers of hives find the same there."""
    theirs = real(corpus, name)
    data = new_store(
        {one.id: (one.type, {e.number: e.value for e in one.elements()}) for one in theirs}
    )
    assert Hive.open(data).verify() == []
    original = (corpus / name).read_bytes()
    for reader, read in ORACLES.items():
        wanted = _objects(read(original))
        assert len(wanted) > 40
        assert _objects(read(data)) == wanted, reader
