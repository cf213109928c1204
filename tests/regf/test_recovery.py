from __future__ import annotations

import importlib
import struct
from pathlib import Path
from typing import Any

import pytest

from reseal.regf import Hive, RegfError
from tests import oracles


def logs_of(path: Path) -> dict[str, bytes]:
    """The logs beside a hive."""
    files = {kind: path.with_name(f"{path.name}.{kind}") for kind in ("LOG", "LOG1", "LOG2")}
    return {kind: file.read_bytes() for kind, file in files.items() if file.is_file()}


def opened(path: Path) -> Hive:
    return Hive.open(path.read_bytes(), logs_of(path), name=path.name)


@pytest.mark.parametrize(
    ("dirty", "reference", "applied"),
    [
        ("NewDirtyHive1/NewDirtyHive", "NewDirtyHive1/RecoveredHive_Windows10", 4),
        ("NewDirtyHive2/NewDirtyHive", "NewDirtyHive1/RecoveredHive_Windows10", 3),
        ("OldDirtyHive/OldDirtyHive", "OldDirtyHive/RecoveredHive_Windows7", 1),
        ("BadBaseBlockHive/BadBaseBlockHive", "OldDirtyHive/RecoveredHive_Windows7", 1),
    ],
)
def test_what_windows_recovered_is_reproduced(
    corpus: Path, dirty: str, reference: str, applied: int
) -> None:
    folder = corpus / "regf-corner-cases"
    hive = opened(folder / dirty)
    assert hive.recovery.entries_applied == applied
    assert hive.recovery.base_block_recovered == ("BadBaseBlock" in dirty)
    assert hive.changed
    windows = (folder / reference).read_bytes()
    assert oracles.tree_of(hive) == oracles.reseal(windows)
    written = hive.to_bytes()
    if reference.endswith("Windows10"):
        assert written == windows
    for name, oracle in oracles.ORACLES.items():
        assert oracle(written) == oracle(windows), name


@pytest.mark.parametrize("name", ["BadLogHive1", "BadLogHive2", "BadLogHive3"])
def test_a_hive_that_its_logs_cannot_make_whole_is_refused(corpus: Path, name: str) -> None:
    path = corpus / "regf-corner-cases" / name / "BadLogHive"
    with pytest.raises(RegfError) as caught:
        opened(path)
    assert "--ignore-logs" in (caught.value.hint or "")
    hive = Hive.open(path.read_bytes(), logs_of(path), ignore_logs=True)
    assert hive.read_only
    assert list(hive.root.subkeys())


def dirty_hives(corpus: Path) -> list[Path]:
    found = []
    for path in sorted(corpus.glob("machines/**/*")) + sorted(corpus.glob("hives/*")):
        if path.is_file() and ".LOG" not in path.name:
            data = path.read_bytes()
            if data[:4] == b"regf" and data[4:8] != data[8:12]:
                found.append(path)
    return found


def test_every_dirty_hive_of_the_corpus_opens_and_is_whole(corpus: Path) -> None:
    paths = dirty_hives(corpus)
    assert len(paths) > 10
    for path in paths:
        hive = opened(path)
        assert hive.recovery.dirty, path
        assert hive.verify() == [], path
        logs = logs_of(path)
        assert (hive.recovery.entries_applied > 0) == bool(logs), path
        written = hive.to_bytes()
        if not logs:
            continue
        first, second = struct.unpack_from("<II", written, 4)
        assert first == second
        for log in logs.values():
            position = log.find(b"HvLE")
            while position >= 0:
                assert struct.unpack_from("<I", log, position + 12)[0] < first, path
                position = log.find(b"HvLE", position + 1)


def regipy_recovers(path: Path, target: Path) -> bytes:
    """What regipy makes of a hive, given its logs in the order of their sequence numbers.

    regipy leaves that order to its caller: it applies the second log that it is given first.
    """
    recovery: Any = importlib.import_module("regipy.recovery")
    logs = [path.with_name(f"{path.name}.LOG{n}") for n in (1, 2)]
    logs = [log for log in logs if log.is_file() and log.stat().st_size]
    logs.sort(key=lambda log: log.read_bytes()[4:8][::-1])
    earlier = str(logs[0]) if len(logs) > 1 else None
    restored, _ = recovery.apply_transaction_logs(
        str(path), str(logs[-1]), earlier, restored_hive_path=str(target)
    )
    return Path(restored).read_bytes()


def test_recovery_agrees_with_regipy(corpus: Path, tmp_path: Path) -> None:
    compared = 0
    for number, path in enumerate(dirty_hives(corpus)):
        if not logs_of(path):
            continue
        ours = opened(path)
        theirs = regipy_recovers(path, tmp_path / str(number))
        size = 4096 + ours.cells.bins_size
        assert ours.to_bytes()[4096:size] == theirs[4096:size], path
        compared += 1
    assert compared >= 10
