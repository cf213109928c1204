"""Disks that `deploy` and `clone` make of healthy images raise no alarm, on UEFI and BIOS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reseal.clone import CloneOptions, clone
from reseal.operations import Generalize, GeneralizeRequest, Writing, run
from reseal.operations.deploy import DeployRequest, deploy
from reseal.operations.operation import Opening
from reseal.operations.rehearse import rehearse
from reseal.operations.rehearsing import RehearseRequest
from reseal.testing.machine import Machine
from reseal.testing.windows import windows
from tests.rehearsal.samples import first, healthy
from tests.rehearsal.test_healthy import VERSIONS, sample_of

MACHINES = {"uefi": "kvm-sata", "bios": "kvm-ide"}
_FIRMWARE = {"uefi", "bios"}
#: Windows 7 for x86 has no boot manager for UEFI; ARM has no BIOS.
KINDS = [
    (version, firmware)
    for version in VERSIONS
    for firmware in sorted(_FIRMWARE)
    if (version[1], firmware) not in {("x86", "uefi"), ("ARM64", "bios")}
]
_FEW = {(22631, "AMD64", "uefi"), (19045, "x86", "bios")}


#: Whether the firmware of a UEFI machine still starts Windows 7 (by a BIOS of its own) is not on the disk.
_WINDOWS_7 = {"name": "firmware", "result": "can't be told"}


def quiet(record: dict[str, Any], *, windows_7: bool = False) -> bool:
    """Return whether nothing in a rehearsal would stop, ask or wait."""
    if windows_7:
        stage = record["stages"][0]
        assert {name: stage[name] for name in _WINDOWS_7} == _WINDOWS_7
        record = {**record, "stages": record["stages"][1:]}
    return record["verdict"] == "passes" and first(record, disk=True) is None


def deployed(folder: Path, machine: Machine, firmware: str) -> Path:
    """Put a Windows on a new disk; its own rehearsal has to be quiet."""
    source = folder / "source.qcow2"
    windows(source, machine)
    disk = folder / f"{firmware}.qcow2"
    record = deploy(
        source,
        disk,
        DeployRequest(size="1G", firmware=firmware),
        Writing(machine=MACHINES[firmware]),
    )
    windows_7 = firmware == "uefi" and machine.build == 7601
    assert quiet(record["rehearsal"], windows_7=windows_7), record["rehearsal"]["stages"]
    return disk


@pytest.mark.parametrize(
    ("version", "firmware"),
    [
        pytest.param(
            version, firmware,
            marks=() if (*version[:2], firmware) in _FEW else pytest.mark.judges,
            id=f"{version[0]} {version[1]} {version[3]} {firmware}",
        )
        for version, firmware in KINDS
    ],
)  # fmt: skip
def test_disks_of_deploy(tmp_path: Path, version: tuple[Any, ...], firmware: str) -> None:
    deployed(tmp_path, sample_of(*version, armed=True), firmware)


@pytest.mark.judges
@pytest.mark.parametrize("firmware", MACHINES)
def test_disks_of_clone(tmp_path: Path, firmware: str) -> None:
    golden = tmp_path / "golden.qcow2"
    windows(golden, healthy(), firmware=firmware)  # type: ignore[arg-type]
    run(golden, Generalize(GeneralizeRequest()), Writing(machine=MACHINES[firmware]))
    said: list[Any] = []
    options = CloneOptions(machine=MACHINES[firmware])
    rows = [{"name": "PC-1"}, {"name": "PC-2"}]
    made = list(clone(golden, rows, tmp_path / "fleet", options, said.append))
    assert all(one.error is None for one in made)
    (of_golden,) = [one["rehearsal"] for one in said if "rehearsal" in one]
    assert quiet(of_golden), of_golden["stages"]
    for path in sorted((tmp_path / "fleet").glob("*.qcow2")):
        record = rehearse(
            path, Opening(allow_backing=True), RehearseRequest(machine=MACHINES[firmware])
        )
        assert quiet(record), record["stages"]
