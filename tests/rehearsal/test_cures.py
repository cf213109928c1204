"""Every fault whose cure is a command of reseal passes after it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.rehearsal.cases import CASES, Case
from tests.rehearsal.cured import cured_disk, cured_machine
from tests.rehearsal.samples import stage, walk, walk_disk
from tests.rehearsal.test_cases import healthy_disks

__all__ = ["healthy_disks"]

MACHINES = [one for one in CASES if one.machine]
DISKS = [one for one in CASES if one.disk and "--repair" in one.cure]


@pytest.mark.parametrize("case", MACHINES, ids=lambda one: one.id)
def test_a_cured_machine_passes_the_stage(case: Case) -> None:
    assert case.machine
    cure = stage(walk(case.machine(), **case.request), case.stage)["cure"] or ""
    after = cured_machine(case.machine(), cure, **case.request)
    if after is None:
        # A file of Windows, a driver or an answer file has to come from elsewhere.
        assert not any(one in cure for one in ("--enable-storage", "--remove-filter", "--recover"))
        return
    assert stage(after, case.stage)["result"] == "passes", stage(after, case.stage)


@pytest.mark.parametrize("case", DISKS, ids=lambda one: one.id)
def test_a_repaired_disk_passes(case: Case, healthy_disks: dict[str, Path], tmp_path: Path) -> None:
    assert case.disk
    path = tmp_path / "disk"
    shutil.copyfile(healthy_disks[case.firmware], path)
    case.disk(path)
    assert stage(walk_disk(path, **case.request), case.stage)["result"] != "passes"
    after = cured_disk(path, "reseal boot IMAGE --repair", **case.request)
    assert after
    for name in ("firmware", "boot-manager", "loader"):
        assert stage(after, name)["result"] == "passes", stage(after, name)
