"""Samples of every Windows that people image, in every mode; a second run changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from reseal.session import Session
from reseal.sysprep.arm import Target, missing
from reseal.sysprep.generalize import generalize
from reseal.testing.machine import Machine
from reseal.windows import Installation
from tests.builders import CLEAN, session
from tests.end_to_end import real_machine

#: name -> build, product, edition, version, installation type
VERSIONS = {
    "7": (7601, "Windows 7 Professional", "Professional", "", "Client"),
    "8.1": (9600, "Windows 8.1 Pro", "Professional", "", "Client"),
    "10 1507": (10240, "Windows 10 Pro", "Professional", "1507", "Client"),
    "10 1607": (14393, "Windows 10 Pro", "Professional", "1607", "Client"),
    "10 1903": (18362, "Windows 10 Enterprise", "Enterprise", "1903", "Client"),
    "10 22H2": (19045, "Windows 10 Pro", "Professional", "22H2", "Client"),
    "11 24H2": (26100, "Windows 10 Pro", "Professional", "24H2", "Client"),
    "2012 R2": (9600, "Windows Server 2012 R2 Standard", "ServerStandard", "", "Server"),
    "2016": (14393, "Windows Server 2016 Standard", "ServerStandard", "1607", "Server"),
    "2019": (17763, "Windows Server 2019 Datacenter", "ServerDatacenter", "1809", "Server Core"),
    "2022": (20348, "Windows Server 2022 Standard", "ServerStandard", "21H2", "Server"),
    "2025": (26100, "Windows Server 2025 Standard", "ServerStandard", "24H2", "Server"),
}
#: A machine that was a virtual one, as VM mode wants it.
VIRTUAL = {
    "ControlSet001": {
        "Control": {
            "SystemInformation": {
                "SystemManufacturer": "QEMU",
                "SystemProductName": "Standard PC (Q35 + ICH9, 2009)",
            }
        }
    }
}


def _machine(name: str) -> Machine:
    build, product, edition, version, kind = VERSIONS[name]
    machine = Machine(
        build=build, product=product, edition=edition, version=version, install_type=kind,
        system=VIRTUAL,
    )  # fmt: skip
    if build == 7601:
        lists = {"Generalize": {"{A}": r"C:\Windows\System32\spnet.dll,Sysprep_Generalize_Net"}}
        machine.software = {
            "Microsoft": {"Windows": {"CurrentVersion": {"Setup": {"Sysprep": lists}}}}
        }
        machine.files = {"Windows": {"System32": {"Sysprep": {"ActionFiles": None}}}}
    return machine


@pytest.mark.parametrize("mode", ["oobe", "audit", "vm"])
@pytest.mark.parametrize("name", VERSIONS)
def test_every_version_in_every_mode(name: str, mode: str) -> None:
    target = Target.AUDIT if mode == "audit" else Target.OOBE
    switches = frozenset({"mode:vm"} if mode == "vm" else ())
    one = session(_machine(name), switches=switches)
    outcome = generalize(one, target)
    assert outcome.result == "generalized"
    assert outcome.coverage.unknown == []
    one.commit(one.installation.tree)
    again = Session(
        Installation(one.installation.tree, "Windows", volume=1),
        volume_state=CLEAN,
        switches=switches,
    )
    assert missing(again.installation, target) == []
    assert generalize(again, target).result == "already generalized"
    assert again.changes == []
    providers = {change.provider for change in one.changes}
    assert ("vm-mode" in providers) == (mode == "vm")


@pytest.mark.parametrize("mode", ["oobe", "audit", "vm"])
def test_the_real_machine_in_every_mode(corpus: Path, mode: str) -> None:
    """Real SYSTEM, SAM, SECURITY, DEFAULT and user hives, dirty, with the real plan of 18362."""
    target = Target.AUDIT if mode == "audit" else Target.OOBE
    # The machine is a physical one, which VM mode refuses unless it is forced.
    switches = frozenset({"mode:vm", "force:vm-mode"} if mode == "vm" else ())
    one = session(real_machine.machine(corpus), switches=switches)
    outcome = generalize(one, target)
    assert outcome.result == "generalized"
    assert outcome.coverage.unknown == []
    assert len(outcome.coverage.declarative) > 40
    one.commit(one.installation.tree)
    again = Session(
        Installation(one.installation.tree, "Windows", volume=1),
        volume_state=CLEAN,
        switches=switches,
    )
    assert generalize(again, target).result == "already generalized"
    assert again.changes == []
