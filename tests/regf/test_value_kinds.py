"""Every kind of value, as Windows stores it: by name and by size of its data."""

from __future__ import annotations

import struct
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from impacket.winregistry import saveRegistryParser

from reseal.regf import Hive, node, types
from reseal.regf.reader import Reader
from tests import oracles
from tests.regf.test_oracles import corrected
from tests.regf.test_recovery import logs_of

if TYPE_CHECKING:
    from pathlib import Path

#: Where a value's data may stand: in the record (0 to 4 bytes), in a cell, in segments.
SIZES = {"empty": 0, "one": 1, "two": 2, "three": 3, "four": 4, "cell": 5, "big": 16345}
NAMES = {"default": "", "ascii": "Name", "latin": "N\u00e4me", "wide": "N\u0101me"}
#: Flags of a value's record by the kind of its name, as in every hive of Windows (below).
FLAGS = {"default": 0, "ascii": 1, "latin": 1, "wide": 0}
MACHINES = (
    "win10-1709/SYSTEM", "win7sp1-x86-domain-joined/SYSTEM", "win10-21h1/SAM", "win10-21h1/DEFAULT",
    "win10-21h1/BBI", "win10-21h1/Users/AndrewRathbun/UsrClass.dat", "win81-domain-joined/UsrClass.dat",
)  # fmt: skip


def _kinds(hive: Hive) -> Counter[tuple[str, int]]:
    """How often each kind of name carries which flags."""
    cells, reader = hive.cells, Reader(hive.cells)
    found: Counter[tuple[str, int]] = Counter()
    for _, _, key in reader.walk(hive.root_offset):
        for _, vk in reader.value_cells(key):
            _, size, _, _, _, flags, _ = node.VK.unpack_from(cells.data, vk)
            raw = bytes(cells.data[vk + node.VK_SIZE : vk + node.VK_SIZE + size])
            kind = "default" if not raw else "wide"
            if raw and flags & node.VK_COMPRESSED:
                kind = "ascii" if raw.isascii() else "latin"
            found[kind, flags] += 1
    return found


def _made() -> Hive:
    hive = Hive.new()
    for name in NAMES.values():
        for label, size in SIZES.items():
            key = hive.root.create(rf"{name or 'default'}\{label}")
            key.set(
                name, types.REG_BINARY, bytes(range(1, 256)) * 65 if size > 255 else b"x" * size
            )
    return hive


@pytest.mark.corpus
@pytest.mark.parametrize("path", MACHINES)
def test_the_table_is_that_of_windows(corpus: Path, path: str) -> None:
    file = corpus / "machines" / path
    found = _kinds(Hive.open(file.read_bytes(), logs_of(file)))
    assert found["ascii", 1]
    assert {kind: flags for kind, flags in found if flags != FLAGS[kind]} == {}


def test_new_values_carry_the_flags_of_windows() -> None:
    assert set(_kinds(_made())) == set(FLAGS.items())


@pytest.mark.parametrize("reader", oracles.WALKS)
def test_other_readers_agree_on_every_kind(reader: str) -> None:
    ours = oracles.tree_of(_made())
    theirs = oracles.read(reader, _made().to_bytes())[0]
    assert (corrected(theirs, ours) if reader == "libregf" else theirs) == ours


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 300])
def test_impacket_reads_a_default_value(tmp_path: Path, size: int) -> None:
    hive = Hive.new()
    hive.root.create("Policy").set("", types.REG_BINARY, b"x" * size)
    file = tmp_path / "hive"
    file.write_bytes(hive.to_bytes())
    registry = saveRegistryParser(str(file))
    assert registry.enumValues(registry.findKey("Policy")) == [b"default"]
    registry.close()


def test_a_default_value_that_changes_keeps_its_flag() -> None:
    hive = Hive.new()
    key = hive.root.create("Key")
    key.set("", types.REG_SZ, b"a\0\0\0")
    key.set("", types.REG_SZ, b"abcdefgh\0\0")
    again = Hive.open(hive.to_bytes())
    assert _kinds(again) == Counter({("default", 0): 1})
    value = again.root.subkey("Key")
    assert value
    assert struct.unpack("<10s", next(iter(value.values())).data) == (b"abcdefgh\0\0",)
