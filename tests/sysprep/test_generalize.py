from __future__ import annotations

import re
from pathlib import Path

import pytest

from reseal.errors import CheckError, ImageError, ResealError
from reseal.providers.selection import select
from reseal.session import Session, VolumeState
from reseal.sysprep import arm
from reseal.sysprep.arm import Target
from reseal.sysprep.generalize import generalize
from reseal.testing.machine import PLAN, Machine, action_file
from reseal.windows import Installation, setup
from tests.builders import session

LOG_LINE = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d, (Info|Warning|Error) +(\[0x[0-9a-f]{6}\] )?SYSPRP .+"
)


_SETUP = r"HKLM\SYSTEM\Setup"
_IMAGE_STATE = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup"
#: What setup must find on either way, written out from the description of Windows' first boot.
ARMED: dict[str, dict[str, int | str | list[str]]] = {
    _SETUP: {
        "SetupType": 2,
        "CmdLine": r"oobe\windeploy.exe",
        "OOBEInProgress": 1,
        "SystemSetupInProgress": 1,
        "SetupPhase": 4,
    },
    rf"{_SETUP}\Status\SysprepStatus": {"GeneralizationState": 4, "CleanupState": 2},
    rf"{_SETUP}\Status\ChildCompletion": {
        "setup.exe": 0,
        "oobeldr.exe": 0,
        "SetupFinalTasks": 0,
        "audit.exe": 0,
    },
    rf"{_SETUP}\Status\UnattendPasses": {
        "specialize": 0,
        "oobeSystem": 0,
        "auditSystem": 0,
        "auditUser": 0,
    },
    rf"{_SETUP}\SetupCl": {},
    rf"{_SETUP}\SetupCl\PendingRequest": {"OperationFlags": 4},
    r"HKLM\SYSTEM\ControlSet001\Control\Session Manager": {"SETUPEXECUTE": ["setupcl.exe"]},
    r"HKLM\SYSTEM\ControlSet002\Control\Session Manager": {"SETUPEXECUTE": ["setupcl.exe"]},
}
#: And what tells the two ways apart.
WAYS: dict[Target, dict[str, dict[str, int | str | list[str]]]] = {
    Target.OOBE: {
        rf"{_SETUP}\Status": {"AuditBoot": 0},
        rf"{_IMAGE_STATE}\State": {"ImageState": "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"},
        rf"{_IMAGE_STATE}\ImageServicingData": {
            "ImageState": "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
        },
    },
    Target.AUDIT: {
        rf"{_SETUP}\Status": {"AuditBoot": 1},
        rf"{_IMAGE_STATE}\State": {"ImageState": "IMAGE_STATE_GENERALIZE_RESEAL_TO_AUDIT"},
        rf"{_IMAGE_STATE}\ImageServicingData": {
            "ImageState": "IMAGE_STATE_GENERALIZE_RESEAL_TO_AUDIT"
        },
    },
}


@pytest.mark.parametrize("target", list(Target))
def test_the_armed_state_is_complete_and_consistent(target: Target) -> None:
    one = session(Machine(control_sets=(1, 2)))
    outcome = generalize(one, target)
    assert outcome.result == "generalized"
    registry = one.registry
    for path, expected in (ARMED | WAYS[target]).items():
        key = registry.key(path)
        assert key is not None, path
        found = {value.name: value.decoded for value in key.values()}
        if path == _SETUP or "ControlSet" in path:  # these hold other values, too
            found = {name: data for name, data in found.items() if name in expected}
        assert found == expected, path
    assert registry.value(setup.SETUP, "CloneTag") == ["Fri Jan  2 03:04:05 2026"]
    assert registry.text(setup.SETUP, "RespecializeCmdLine")
    name = f"IMAGE_STATE_GENERALIZE_RESEAL_TO_{target.name}"
    assert one.files.read(r"Windows\Setup\State\State.ini") == (
        f"[State]\r\nImageState={name}\r\n".encode()
    )
    assert one.files.read(r"Windows\System32\Sysprep\Sysprep_succeeded.tag") == b""


def test_generalizing_again_changes_nothing_and_says_so() -> None:
    first = session()
    generalize(first)
    first.commit(first.installation.tree)
    again = Session(
        Installation(first.installation.tree, "Windows"), volume_state=first.volume_state
    )
    outcome = generalize(again)
    assert outcome.result == "already generalized"
    assert again.changes == []
    assert "already" in again.notes[0]


def test_an_image_state_alone_does_not_count_as_generalized() -> None:
    state = {"Microsoft": {"Windows": {"CurrentVersion": {"Setup": {
        "State": {"ImageState": setup.GENERALIZE_RESEAL_TO_OOBE}}}}}}  # fmt: skip
    status = {"Setup": {"Status": {"SysprepStatus": {"GeneralizationState": 4}}}}
    one = session(Machine(software=state, system=status))
    assert generalize(one).result == "generalized"


def test_the_plan_of_the_image_decides_the_order_and_every_entry_point_is_named() -> None:
    new = (0x4200, "Acme-Telemetry", "amd64", r"module:Acme_Generalize acme.dll")
    plan = {"Generalize.xml": action_file(22631, (*PLAN, new))}
    files = {"Windows": {"System32": {"Sysprep": {"ActionFiles": plan}}}}
    one = session(Machine(files=files))
    outcome = generalize(one)
    coverage = outcome.coverage.to_json()
    assert coverage["unknown"] == ["acme.dll,Acme_Generalize"]
    assert coverage["left_to_windows"] == []
    assert coverage["not_carried_out"] == ["slc.dll,SLReArmWindows"]
    assert "bdesysprep.dll,ValidateBitLockerState" in coverage["emulated"]
    assert len(coverage["declarative"]) == 9
    providers = list(dict.fromkeys(change.provider for change in one.changes))
    assert providers.index("machine-sid") < providers.index("mounted-devices")
    assert providers.index("mounted-devices") < providers.index("dhcpv6-duid")
    assert providers.index("dhcpv6-duid") < providers.index("Microsoft-Windows-TPM-Driver-WMI")
    assert providers[-3:] == ["arm", "answer-files", "panther-log"]


def test_an_image_without_action_files_runs_every_provider() -> None:
    one = session(Machine(files={"Windows": {"System32": {"Sysprep": {"ActionFiles": None}}}}))
    outcome = generalize(one)
    assert outcome.result == "generalized"
    assert any("ActionFiles" in note for note in one.notes)
    assert {"machine-sid", "machine-guid", "event-logs"} <= {
        change.provider for change in one.changes
    }


def test_the_log_has_the_form_of_sysprep_s_own(corpus: Path) -> None:
    one = session()
    generalize(one)
    ours = one.files.read(r"Windows\System32\Sysprep\Panther\setupact.log").decode()
    real = (corpus / "logs" / "setupact-server2022-excerpt.log").read_text()
    for text in (real, ours):
        lines = text.splitlines()
        assert all(LOG_LINE.fullmatch(line) for line in lines)
        assert "Beginning of a new sysprep run" in lines[1]
        assert lines[-1].endswith("[0x0f0052] SYSPRP Shutting down SysPrep log")
    assert [line[20:] for line in ours.splitlines()[:3]] == [
        line[20:] for line in real.splitlines()[:3]
    ]


def _volume(**changes: object) -> VolumeState:
    facts: dict[str, object] = {
        "dirty": False, "log_clean": True, "hibernation": "none", "shadow_copies": 0,
    }  # fmt: skip
    return VolumeState(**(facts | changes))  # type: ignore[arg-type]


CHECKS: list[tuple[str, Machine, VolumeState, type[ResealError], str]] = [
    ("hibernated", Machine(), _volume(hibernation="hibernated"), CheckError, "hibernated"),
    ("fast startup", Machine(), _volume(hibernation="fast startup"), CheckError, "fast startup"),
    ("dirty", Machine(), _volume(dirty=True), ImageError, "marked dirty"),
    ("log", Machine(), _volume(log_clean=False), ImageError, r"\$LogFile"),
    (
        "pending.xml",
        Machine(files={"Windows": {"WinSxS": {"pending.xml": b"<x/>"}}}),
        _volume(),
        CheckError,
        "pending.xml",
    ),
    ("setupexecute", Machine(setupexecute=("poqexec.exe",)), _volume(), CheckError, "poqexec.exe"),
    (
        "missing hive",
        Machine(files={"Windows": {"System32": {"config": {"SAM": None}}}}),
        _volume(),
        ImageError,
        r"config\\SAM is missing",
    ),
    (
        "truncated hive",
        Machine(files={"Windows": {"System32": {"config": {"SAM": b"regf" + bytes(100)}}}}),
        _volume(),
        ImageError,
        r"config\\SAM",
    ),
    (
        "garbage hive",
        Machine(files={"Windows": {"System32": {"config": {"SYSTEM": bytes(8192)}}}}),
        _volume(),
        ImageError,
        r"config\\SYSTEM",
    ),
    (
        "no control set",
        Machine(select={"Current": 7, "Default": 7}),
        _volume(),
        ImageError,
        "ControlSet007",
    ),
    (
        "domain controller",
        Machine(
            system={"ControlSet001": {"Control": {"ProductOptions": {"ProductType": "LanmanNT"}}}}
        ),
        _volume(),
        CheckError,
        "domain controller",
    ),
]


@pytest.mark.parametrize(
    ("machine", "volume", "kind", "message"),
    [case[1:] for case in CHECKS],
    ids=[case[0] for case in CHECKS],
)
def test_what_forbids_it_is_said_and_nothing_is_changed(
    machine: Machine, volume: VolumeState, kind: type[ResealError], message: str
) -> None:
    one = session(machine, volume_state=volume)
    with pytest.raises(ResealError, match=message) as error:
        generalize(one)
    assert type(error.value) is kind
    assert "Nothing was changed" in error.value.message
    assert error.value.hint
    assert one.changes == []


def test_all_that_is_wrong_is_said_at_once() -> None:
    one = session(
        Machine(setupexecute=("poqexec.exe",)), volume_state=_volume(hibernation="hibernated")
    )
    with pytest.raises(CheckError, match=r"hibernated.*poqexec"):
        generalize(one)


def test_the_memory_of_a_hibernated_windows_can_be_given_up() -> None:
    one = session(
        volume_state=_volume(hibernation="hibernated", log_clean=False),
        switches=frozenset({"discard-hibernation"}),
    )
    outcome = generalize(one)
    assert outcome.result == "generalized"
    assert any(found.level == "warning" for found in outcome.checks)


def test_a_provider_that_is_switched_off_does_not_run_and_is_said() -> None:
    one = session()
    chosen = select(enable=["openssh"], disable=["dhcpv6-duid", "event-logs", "machine-sid"])
    outcome = generalize(one, Target.OOBE, chosen)
    assert outcome.result == "generalized"
    assert not {"dhcpv6-duid", "event-logs", "machine-sid"} & {
        change.provider for change in one.changes
    }
    coverage = outcome.coverage.to_json()
    assert coverage["disabled"] == [
        "spopk.dll,Sysprep_Generalize_Opk", "dhcpcsvc.dll,DhcpClient_Generalize",
    ]  # fmt: skip
    assert "dhcpcsvc.dll,DhcpClient_Generalize" not in coverage["emulated"]
    assert any("dhcpv6-duid, event-logs" in note for note in one.notes)
    assert one.registry.key(setup.PENDING_REQUEST) is None
    one.commit(one.installation.tree)
    again = Session(Installation(one.installation.tree, "Windows"), volume_state=one.volume_state)
    assert arm.missing(again.installation, Target.OOBE, new_sid=False) == []
    assert generalize(again, Target.OOBE, chosen).result == "already generalized"
