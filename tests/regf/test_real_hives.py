from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import oracles
from tests.regf.test_recovery import opened

if TYPE_CHECKING:
    from pathlib import Path

HIVES = [
    "machines/win10-1709/SYSTEM",
    "machines/win10-21h1/SAM",
    "machines/win10-21h1/SECURITY",
    "machines/win10-21h1/DEFAULT",
    "machines/win10-21h1/Users/AndrewRathbun/NTUSER.DAT",
    "machines/win81-domain-joined/UsrClass.dat",
]


@pytest.mark.parametrize("name", HIVES)
def test_an_edited_real_hive_means_the_same_to_everybody(corpus: Path, name: str) -> None:
    hive = opened(corpus / name)
    before = oracles.tree_of(hive)
    parents = [key for key in hive.root.subkeys() if next(key.subkeys(), None) is not None]
    doomed = next(parents[0].subkeys())
    doomed_path = doomed.path
    doomed.delete()
    expected = {
        path: values
        for path, values in before.items()
        if path != doomed_path and not path.startswith(doomed_path + "\\")
    }
    made = parents[-1].create(r"Made by a test\Ключ")
    made.set("small", 4, b"\1\0\0\0")
    made.set("large", 3, bytes(range(256)) * 300)
    expected[f"{parents[-1].path}\\Made by a test"] = {}
    expected[made.path] = {"small": (4, b"\1\0\0\0"), "large": (3, bytes(range(256)) * 300)}
    for path, values in list(expected.items())[:300]:
        for value in list(values)[:1]:
            key = hive.key(path)
            if key is not None and "\\" not in value:
                key.set(value, 1, b"c\0h\0a\0n\0g\0e\0d\0\0\0")
                values[value] = (1, b"c\0h\0a\0n\0g\0e\0d\0\0\0")
    assert hive.verify() == []
    assert hive.verify(touched_only=True) == []
    assert oracles.tree_of(hive) == expected
    written = hive.to_bytes()
    for reader in oracles.ORACLES:
        # The slower readers only where the hive is small.
        if len(written) < 4_000_000 or reader in ("hivex", "python-registry"):
            assert oracles.ORACLES[reader](written) == expected, reader
