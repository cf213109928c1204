"""Every hive of the corpus, read by reseal and by five other readers.

All must see the same keys, values, types, data, classes, times and descriptors (as far as each
reader gives them), or the disagreement stands in a table here, with the evidence of who is right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reseal.regf import Hive, RegfError
from tests import oracles
from tests.conftest import CORPUS
from tests.regf.test_recovery import logs_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.oracles import Tree

FOLDERS = ("machines", "hives", "regf-corner-cases")

#: The slowest, of which every run reads another of the same kind; `make judges` reads all.
LARGE = {
    "machines/win7sp1-x86-domain-joined/SYSTEM",
    "machines/win81-domain-joined/UsrClass.dat",
    "machines/win10-21h1/Users/AndrewRathbun/UsrClass.dat",
    "hives/NTUSER_BAGMRU.DAT",
    "hives/NTUSER_with_winscp.DAT",
}

#: What reseal does not open or can't read to the end, and what it says.
REFUSED = {
    # No hives: a log, an SQLite file, pieces of hives, empty files.
    "regf-corner-cases/OldLogWithRemnantData": "not a hive but another registry file",
    "regf-corner-cases/SqliteFragment": "does not begin with 'regf'",
    "regf-corner-cases/SqliteFragment.sqlite": "does not begin with 'regf'",
    "regf-corner-cases/InvalidParentFragment": "does not begin with 'regf'",
    "regf-corner-cases/TruncatedHiveBin": "does not begin with 'regf'",
    # Cut off: what lies behind the end is lost.
    "regf-corner-cases/TruncatedHive": "is truncated",
    "regf-corner-cases/TruncatedDirtyHive": "is truncated",
    # A wrong checksum, and no log: Windows refuses these, and so do hivex and libregf.
    "regf-corner-cases/EffectiveSizeHive": "wrong checksum",
    "regf-corner-cases/GarbageHive": "wrong checksum",
    # Dirty, with logs that were made unusable. The readers that open them don't look at the logs.
    "regf-corner-cases/BadLogHive1/BadLogHive": "logs .* damaged",
    "regf-corner-cases/BadLogHive2/BadLogHive": "do not match",
    "regf-corner-cases/BadLogHive3/BadLogHive": "logs .* damaged",
    # References to nowhere. No reader gets through; regipy and libregf pass over the damage.
    "regf-corner-cases/DeletedDataHiveTruncated": "list of values is invalid",
    "hives/plaso-corrupt_sub_key_list.hiv": "cell of a key is free",
    "hives/corrupted_system_hive": "a bin is missing",
    # The name goes on over the end of its cell, which hivex and libregf refuse too.
    "regf-corner-cases/TruncatedNameHive": "name of a key is longer than its cell",
}

#: Where one reader stands against all others, or refuses what they read.
DISAGREEMENTS = {
    ("regf-corner-cases/BogusKeyNamesHive", "hivex"): "its C strings end at a NUL in a name",
    ("regf-corner-cases/BogusKeyNamesHive", "libregf"): "its strings end at a NUL in a name",
    ("regf-corner-cases/CompHive", "libregf"): (
        "it takes single-byte names for code page 1252, where 0x9F is U+0178, the name of a "
        "sibling: the two keys of CompHive become one. Windows takes them for ISO 8859-1"
    ),
    ("regf-corner-cases/System_Delta", "hivex"): (
        "a hive of version 1.6, which it does not know: it refuses values without data"
    ),
    ("regf-corner-cases/System_Delta", "dissect.regf"): (
        "values without data (size 0, no cell), as a differencing hive has them for deleted "
        "values: it seeks a cell. regipy, python-registry and libregf read them"
    ),
    **{
        (f"regf-corner-cases/{name}", reader): "half surrogates in names, which " + reason
        for name in ("TruncatedPairHive", "TruncatedPairHive2")
        for reader, reason in (
            ("hivex", "it refuses"),
            ("dissect.regf", "it prints as bytes"),
            ("libregf", "it replaces"),
        )
    },
}


def libregf_differs(theirs: tuple[int, bytes], ours: tuple[int, bytes]) -> bool:
    """Tell whether a value differs in one of the two ways in which libregf errs.

    - Of resident data shorter than four bytes it returns the wrong end, so `KeyUsage` `a0 00` of a
      certificate template becomes `00 00`, and it completes text of one byte. The four other
      readers return the first bytes, as the size says.
    - Text it ends at its first NUL. The others return all of it, and the size field says that it
      belongs to the data.
    """
    if theirs[0] != ours[0]:
        return False
    if 0 < len(ours[1]) < 4:
        return len(theirs[1]) <= 4
    return theirs[0] in (1, 2, 6) and ours[1].startswith(theirs[1]) and theirs[1][-2:] == b"\0\0"


def corrected(theirs: Tree, ours: Tree) -> Tree:
    """What libregf read, without what it is known to get wrong."""
    return {
        path: {
            name: ours[path][name]
            if name in ours.get(path, {}) and libregf_differs(value, ours[path][name])
            else value
            for name, value in values.items()
        }
        for path, values in theirs.items()
    }


def hives() -> list[str]:
    """Every file of the corpus that is not the log of a hive beside it, or empty."""
    return [
        path.relative_to(CORPUS).as_posix()
        for folder in FOLDERS
        for path in sorted((CORPUS / folder).rglob("*"))
        if path.is_file() and ".LOG" not in path.name.upper() and path.stat().st_size
    ]


def read_all(data: bytes, logs: dict[str, bytes]) -> tuple[bytes, Tree, dict[str, oracles.About]]:
    hive = Hive.open(data, logs)
    return hive.to_bytes(), oracles.tree_of(hive), oracles.about_of(hive)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(one, marks=pytest.mark.judges if one in LARGE else ())
        for one in hives() or ["absent"]
    ],
)
def test_every_reader_sees_the_same(corpus: Path, name: str) -> None:
    path = corpus / name
    data, logs = path.read_bytes(), logs_of(path)
    if name in REFUSED:
        with pytest.raises(RegfError, match=REFUSED[name]):
            read_all(data, logs)
        return
    written, tree, about = read_all(data, logs)
    for reader in oracles.WALKS:
        try:
            theirs, theirs_about = oracles.read(reader, written)
        except Exception:  # noqa: BLE001 - a reader may give up in any way
            assert (name, reader) in DISAGREEMENTS, reader
            continue
        if reader == "libregf":
            theirs = corrected(theirs, tree)
        same = theirs == tree and all(
            (other.time, other.class_name, other.descriptor)
            == (
                about[key].time,
                None if other.class_name is None else about[key].class_name,
                None if other.descriptor is None else about[key].descriptor,
            )
            for key, other in theirs_about.items()
        )
        assert same == ((name, reader) not in DISAGREEMENTS), reader


def test_the_tables_name_only_what_exists(corpus: Path) -> None:
    known = set(hives())
    assert set(REFUSED) <= known
    assert {name for name, _ in DISAGREEMENTS} <= known
