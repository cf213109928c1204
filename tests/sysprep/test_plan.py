from __future__ import annotations

import re
from pathlib import Path

import pytest

from reseal.errors import CheckError
from reseal.sysprep import plan
from reseal.sysprep.action_file import Module
from reseal.sysprep.entry_points import Disposition, disposition
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
    assert "agent.dll,Prepare (third party, Generalize)" in outcome.coverage.not_carried_out
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


def test_no_entry_point_of_three_builds_is_unknown(corpus: Path) -> None:
    """The merged table over builds 15063, 17134 and 18362."""
    named = re.findall(
        r"\| (?:Module|Validate) \| (\w+) \| (\S+) \|",
        (corpus / "actionfiles" / "SUMMARY.md").read_text(),
    )
    assert len(named) > 30
    unknown = [
        (method, dll)
        for method, dll in named
        if disposition(Module(dll.rpartition("\\")[2].lower(), method, validate=False))[0]
        is Disposition.UNKNOWN
    ]
    assert unknown == []


#: Exports of the DLLs of Windows 10 and Server that Sysprep calls, from published export tables.
EXPORTS = """
spopk.dll Sysprep_Clean_Validate_Opk Sysprep_Clean_Opk Sysprep_Generalize_Opk
spopk.dll Sysprep_Online_Specialize_Opk Sysprep_Offline_Specialize_Opk
sppnp.dll Sysprep_Generalize_Pnp Sysprep_Generalize_Pnp_Drivers Sysprep_Specialize_Pnp
sppnp.dll Sysprep_Specialize_Offline_Pnp Sysprep_Respecialize_Pnp Sysprep_RunDll_PnpW
winsetup.dll Sysprep_Specialize_Pnp_Compat Module_Init_Sysprep
spmpm.dll Sysprep_Generalize_MountPointManager
spbcd.dll Sysprep_Generalize_Bcd Sysprep_Online_Specialize_Bcd Sysprep_Offline_Specialize_Bcd
spnet.dll Sysprep_Clean_Net Sysprep_Generalize_Net
nlmsprep.dll NetworkListManager_Generalize
dhcpcsvc.dll DhcpClient_Generalize
iphlpsvc.dll IphlpsvcSysprepGeneralize
ncdautosetup.dll NcdAutoSetup_Generalize
capisp.dll CryptoSysPrep_Clean CAPISysPrep_Generalize CryptoSysPrep_Specialize
capisp.dll CryptoSysPrep_Specialize_Offline CryptoSysPrep_Specialize_Clone
wevtapi.dll EvtIntSysprepCleanup
srclient.dll SysprepCleanup SysprepGeneralize
slc.dll SLReArmWindows
tssysprep.dll AppsrvSysPrepGeneralize AppsrvSysPrepSpecializeOffline LSMSysPrepBackup
tssysprep.dll LSMSysPrepRestoreOffline LSMSysPrepRestoreOnline RCMSysPrepGeneralize
tssysprep.dll RdpSysPrepGeneralize RdpSysPrepRestoreOffline RdpSysPrepRestoreOnline
wuaueng.dll GeneralizeForImaging
waasmedicsvc.dll GeneralizeForImaging
appxsysprep.dll SysprepGeneralizeValidate SysprepGeneralize AppxSysprepSpecializeOffline
appxdeploymentclient.dll AppxSvcPrepareForSysprepGeneralize
bdesysprep.dll ValidateBitLockerState
shsetup.dll Sysprep_Cleanup_Shell Sysprep_Generalize_Shell
iesysprep.dll Sysprep_Cleanup_IE Sysprep_Generalize_IE Sysprep_Online_Specialize_IE
spwmp.dll Sysprep_Clean_WMP Sysprep_Generalize_WMP
spwinsat.dll Sysprep_Clean_WinSAT
msdtcprx.dll SysPrepDtcCleanup SysPrepDtcGeneralize SysPrepDtcSpecialize
msdtcspoffln.dll SysPrepDtcOfflineSpecialize
catsrvut.dll SysprepComplus SysprepComplus2
scecli.dll SceSysPrep SceSysPrepOffline
ddaclsys.dll DDACLSys_Specialize DDACLSys_Offline_Specialize
reagent.dll WinRE_Generalize WinRE_Specialize WinRE_Specialize_Offline
mssrch.dll MSSrch_SysPrep_Cleanup
sysmain.dll PfSvSysprepCleanup
wer.dll WerSysprepCleanup WerSysprepGeneralize
diagtrack.dll UtcSysprepGeneralize
sqmapi.dll SqmSysprepCleanup SqmSysprepGeneralize SqmSysprepSpecialize
dcntel.dll SysprepCleanupEnableCustomTrigger
generaltel.dll SysprepCleanupEnableCustomTrigger
winshfhc.dll MRTComponent_Generalize
langcleanupsysprepaction.dll Sysprep_Generalize_MUILangCleanup
provsysprep.dll ProvPackageSysprepGeneralize ProvPackageSysprepSpecialize
vbssysprep.dll SysprepGeneralizeEntry SysprepSpecializeOfflineEntry
dsccore.dll SysPrep_Cleanup
tapisysprep.dll TapiSysPrepClean
fthsvc.dll FthSysprepSpecialize FthSysprepSpecializeOffline
radardt.dll RdrSysprepSpecialize RdrSysprepSpecializeOffline
ualsvc.dll SumSysprepCleanup
ipsmigrationplugin.dll Sysprep_Cleanup_IPS
unattend.dll Sysprep_Specialize_Unattend
dismapi.dll _DismSysprepCleanup _DismSysprepGeneralize _DismSysprepSpecialize
clipc.dll ClipCleanUpState
powrprof.dll PowerGeneralizePlatformSettings
spcompat.dll Sysprep_Generalize_Compat
iissyspr.dll IIS_Generalize
"""


@pytest.mark.parametrize("line", EXPORTS.strip().splitlines())
def test_no_published_entry_point_is_unknown(line: str) -> None:
    dll, *methods = line.split()
    for method in methods:
        what, why = disposition(Module(dll, method, validate=False))
        assert what is not Disposition.UNKNOWN, f"{dll},{method}"
        assert why


def test_what_nobody_has_heard_of_is_unknown_and_named() -> None:
    module = Module("spnew.dll", "Sysprep_Generalize_New", validate=False)
    assert disposition(module)[0] is Disposition.UNKNOWN


def test_the_table_in_the_documentation_is_up_to_date(corpus: Path) -> None:
    from tools.entry_points import table

    page = Path(__file__).parents[2] / "docs" / "entry-points.md"
    assert page.read_text() == table((corpus / "actionfiles" / "SUMMARY.md").read_text())
    assert "unknown |" not in page.read_text()
