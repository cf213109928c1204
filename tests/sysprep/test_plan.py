from __future__ import annotations

from pathlib import Path

import pytest

from reseal.errors import CheckError
from reseal.sysprep import plan
from reseal.sysprep.generalize import generalize
from reseal.sysprep.plan import Phase
from reseal.testing.machine import PLAN, Machine, action_file
from tests.builders import session

CLEANUP = (
    (
        0x0900,
        "Microsoft-Windows-Shell-Setup",
        "amd64",
        r"module:Sysprep_Cleanup_Shell $(runtime.system32)\shsetup.dll",
    ),
    (
        0x0100,
        "Microsoft-Windows-Sysprep-SpOpk",
        "amd64",
        r"validate:Sysprep_Clean_Validate_Opk $(runtime.system32)\spopk.dll",
    ),
)
SPECIALIZE = (
    (
        0x0200,
        "Microsoft-Windows-DDACLSys",
        "amd64",
        r"module:DDACLSys_Specialize $(runtime.system32)\ddaclsys.dll",
    ),
)


def _machine(**phases: bytes) -> Machine:
    files = {f"{name}.xml": data for name, data in phases.items()}
    return Machine(files={"Windows": {"System32": {"Sysprep": {"ActionFiles": files}}}})


def test_cleanup_comes_before_generalize_and_specialize_is_left_to_windows() -> None:
    one = session(
        _machine(Cleanup=action_file(22631, CLEANUP), Specialize=action_file(22631, SPECIALIZE))
    )
    found = plan.read(one)
    assert [component.order for component in found.phases[Phase.CLEANUP]] == [0x0100, 0x0900]
    assert found.run[0].modules[0].method == "Sysprep_Clean_Validate_Opk"
    assert len(found.run) == 2 + len(PLAN)
    outcome = generalize(one)
    assert "ddaclsys.dll,DDACLSys_Specialize" in outcome.coverage.left_to_windows
    assert "spopk.dll,Sysprep_Clean_Validate_Opk" in outcome.coverage.emulated


def test_components_of_other_architectures_do_not_run() -> None:
    one = session(Machine(architecture="X86"))
    assert plan.read(one).run == []


def test_a_component_is_left_out_where_it_excludes_the_mode() -> None:
    data = action_file(22631).replace(b'exclude=""', b'exclude="vm"', 1)
    one = session(_machine(Generalize=data))
    assert len(plan.read(one).run) == len(PLAN)
    found = plan.read(one, "vm")
    assert len(found.run) == len(PLAN) - 1
    assert found.excluded == ["Microsoft-Windows-Sysprep-SpOpk"]


def test_windows_7_lists_its_providers_in_the_registry() -> None:
    lists = {
        "Generalize": {
            "{A}": r"C:\Windows\System32\spmpm.dll,Sysprep_Generalize_MountPointManager",
            "{B}": "dhcpcsvc.dll,DhcpClient_Generalize",
        },
        "Cleanup": {"{C}": "%SystemRoot%\\System32\\wevtapi.dll, EvtIntSysprepCleanup"},
    }
    software = {"Microsoft": {"Windows": {"CurrentVersion": {"Setup": {"Sysprep": lists}}}}}
    machine = Machine(
        build=7601, product="Windows 7 Professional", software=software,
        files={"Windows": {"System32": {"Sysprep": {"ActionFiles": None}}}},
    )  # fmt: skip
    one = session(machine)
    outcome = generalize(one)
    assert outcome.coverage.emulated == [
        "wevtapi.dll,EvtIntSysprepCleanup",
        "spmpm.dll,Sysprep_Generalize_MountPointManager",
        "dhcpcsvc.dll,DhcpClient_Generalize",
    ]
    assert outcome.coverage.unknown == []


def test_third_parties_are_listed_and_refused_on_request() -> None:
    external = {"Generalize": {"{X}": r"C:\Program Files\Agent\agent.dll,Prepare"}}
    software = {
        "Microsoft": {"Windows": {"CurrentVersion": {"Setup": {"SysPrepExternal": external}}}}
    }
    one = session(Machine(software=software))
    outcome = generalize(one)
    assert "agent.dll,Prepare (third party, Generalize)" in outcome.coverage.left_to_windows
    assert any("agent.dll,Prepare" in note for note in one.notes)
    strict = session(Machine(software=software), switches=frozenset({"strict"}))
    with pytest.raises(CheckError, match=r"agent\.dll,Prepare"):
        generalize(strict)
    assert strict.changes == []


@pytest.mark.parametrize("build", [17134, 18362])
def test_no_entry_point_of_a_real_plan_is_unknown(corpus: Path, build: int) -> None:
    data = (corpus / "actionfiles" / f"Generalize-{build}.xml").read_bytes()
    one = session(_machine(Generalize=data))
    assert generalize(one).coverage.unknown == []
