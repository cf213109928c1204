"""Each reported fault is said by the right stage first, with its symptom and cure."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.rehearsal.cases import CASES, Case
from tests.rehearsal.samples import Record, disk, first, healthy, stage, walk, walk_disk


@pytest.fixture(scope="module")
def healthy_disks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One healthy raw disk for each firmware; the UEFI one waits for its first boot."""
    folder = tmp_path_factory.mktemp("disks")
    return {
        "uefi": disk(folder, healthy(armed=True)),
        "bios": disk(folder, firmware="bios"),
    }


def rehearsed(case: Case, disks: dict[str, Path], folder: Path) -> Record:
    """Build a fault, and walk through its boot."""
    if case.machine:
        return walk(case.machine(), **case.request)
    assert case.disk
    path = folder / "disk"
    shutil.copyfile(disks[case.firmware], path)
    case.disk(path)
    return walk_disk(path, **case.request)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_right_stage_says_it_first(
    case: Case, healthy_disks: dict[str, Path], tmp_path: Path
) -> None:
    record = rehearsed(case, healthy_disks, tmp_path)
    assert first(record, disk=case.disk is not None) == case.stage, record["stages"]
    said = stage(record, case.stage)
    assert said["result"] == case.result, said
    assert case.symptom in (said["symptom"] or ""), said
    assert case.cure in (said["cure"] or ""), said
    assert record["verdict"] != "passes" or case.result == "can't be told"


@pytest.mark.parametrize("firmware", ["uefi", "bios"])
def test_a_healthy_disk_passes(healthy_disks: dict[str, Path], firmware: str) -> None:
    record = walk_disk(healthy_disks[firmware])
    assert first(record, disk=True) is None, record["stages"]
    assert record["verdict"] == "passes"
    assert record["firmware"] == firmware


def test_after_a_stop_the_walk_is_hypothetical() -> None:
    record = walk(next(one for one in CASES if one.id == "no-kernel").machine())  # type: ignore[misc]
    marked = {one["name"] for one in record["stages"] if one["hypothetical"]}
    assert marked == {
        "storage", "session-manager", "logon", "setup", "oobe", "first-logon", "recovery",
    }  # fmt: skip
