"""Every check on a machine that has its problem, and on one that has none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from reseal import checks, ntfs
from reseal.checks import CHECKS, Check, Finding, Level
from reseal.checks.declaration import FORCE, check, error, warning
from reseal.errors import CheckError, ImageError, UsageError
from reseal.session import Mark, Session
from reseal.sysprep.generalize import check as check_all
from reseal.sysprep.generalize import generalize
from reseal.testing.machine import Machine
from reseal.tree import TreeError
from reseal.windows import setup
from tests.builders import CLEAN, session
from tests.checks.problems import PROBLEMS, SECRET, Problem, every_problem

BY_ID = {one.id: one for one in CHECKS}
#: Where no check can say that all is well: the count of rearms is never to be seen, and EFS not in a
#: tree that is no volume; the sample has no database of drivers.
ALWAYS_NOTED = {"rearm", "encrypted-files", "storage-drivers"}
IN_MEMORY = {name: one for name, one in PROBLEMS.items() if not one.volume}


def found(name: str, machine: Machine, **options: Any) -> list[Finding]:
    """What one check finds."""
    return BY_ID[name](session(machine, **options))


def test_every_check_is_declared_whole_and_has_a_problem_to_find() -> None:
    assert list(BY_ID) == list(PROBLEMS)
    for one in CHECKS:
        assert isinstance(one, Check)
        assert re.fullmatch(r"[a-z][a-z-]+", one.id)
        assert one.title.endswith(".")
        assert one.mark in Mark
        assert len(one.source) > 20
        assert len(one.description) > 60
        module = f"reseal.checks.{one.id.replace('-', '_')}"
        assert f"{one.run.__module__}.".startswith(f"{module}.")
        for entry_point in one.entry_points:
            assert re.fullmatch(r"[a-z]+\.dll,\w+", entry_point)


@pytest.mark.parametrize(("name", "problem"), IN_MEMORY.items(), ids=list(IN_MEMORY))
def test_a_machine_with_the_problem(name: str, problem: Problem) -> None:
    one, *others = found(name, Machine(**problem.machine), **problem.options)
    assert (one.check, one.level, one.code) == (name, problem.level, problem.code)
    assert re.search(problem.message, one.message)
    assert one.message.endswith(".")
    assert one.items == problem.items
    if one.level is not Level.NOTE:
        assert one.hint
        assert one.hint.endswith(".")
        assert bool(one.sysprep_says) == bool(BY_ID[name].sysprep_says or name == "store-apps")
    assert {other.check for other in others} <= {name}


def test_a_machine_without_any_problem() -> None:
    findings = checks.run(session())
    assert [one.check for one in findings] == list(BY_ID)
    for one in findings:
        expected = Level.NOTE if one.check in ALWAYS_NOTED else Level.OK
        assert (one.check, one.level) == (one.check, expected)
        assert one.message == (BY_ID[one.check].title if expected is Level.OK else one.message)


def test_all_problems_are_said_in_one_run_with_their_codes() -> None:
    volume = session(every_problem()).volume_state
    options: dict[str, Any] = {}
    for problem in PROBLEMS.values():
        options |= problem.options
    neighbours = PROBLEMS["several-windows"].options["neighbours"]
    one = session(every_problem(), **(options | {"neighbours": neighbours}))
    assert volume is not None
    findings = {finding.check: finding for finding in checks.run(one)}
    for name, problem in PROBLEMS.items():
        if name in {"bitlocker", "hibernation", "encrypted-files"}:
            continue  # those need another disk: see test_every_problem.py
        assert (name, findings[name].level) == (name, problem.level)
        assert (name, findings[name].code) == (name, problem.code)


def test_no_secret_of_the_image_is_shown() -> None:
    assert SECRET not in repr(checks.run(session(every_problem())))


def test_a_folder_that_was_unlocked_still_says_that_bitlocker_is_on() -> None:
    status = {"ControlSet001": {"Control": {"BitLockerStatus": {"BootStatus": 1}}}}
    [one] = found("bitlocker", Machine(system=status), volume_state=None)
    assert (one.level, one.code) == ("error", "0x80310039")
    # A disk was decrypted since, or it could not have been read.
    [one] = found("bitlocker", Machine(system=status))
    assert one.level is Level.OK


@pytest.mark.parametrize(
    ("number", "level"), [(7, "ok"), (4, "ok"), (3, "error"), (1, "error"), (99, "error")]
)
def test_the_recorded_state_of_sysprep(number: int, level: str) -> None:
    status = {"Setup": {"Status": {"SysprepStatus": {"GeneralizationState": number}}}}
    [one] = found("sysprep-state", Machine(system=status))
    assert one.level == level
    assert one.code == ("0x8007001f" if level == "error" else None)


@pytest.mark.parametrize(("number", "level"), [(None, "ok"), (2, "ok"), (3, "error"), (0, "error")])
def test_the_recorded_state_of_sysprep_s_clean_up(number: int | None, level: str) -> None:
    status = {"Setup": {"Status": {"SysprepStatus": {"CleanupState": number}}}}
    [one] = found("sysprep-state", Machine(system=status))
    assert one.level == level
    assert level == "ok" or f"CleanupState {number}" in one.message


def test_an_invalid_state_is_reset_only_where_the_check_is_overridden() -> None:
    machine = Machine(
        system={"Setup": {"Status": {"SysprepStatus": {"GeneralizationState": 3}}}},
        software=PROBLEMS["sysprep-state"].machine["software"],
    )
    with pytest.raises(CheckError, match="GeneralizationState 3"):
        generalize(session(machine))
    one = session(machine, switches=checks.force(["sysprep-state"]))
    outcome = generalize(one)
    assert outcome.result == "generalized"
    assert one.registry.number(setup.SYSPREP_STATUS, "GeneralizationState") == setup.GENERALIZED
    assert one.registry.value(setup.SYSPREP_REGISTRY, setup.SYSPREP_CORRUPT) is None


SETUP_STATES = [
    ("IMAGE_STATE_COMPLETE", 7, "ok"),
    ("IMAGE_STATE_UNDEPLOYABLE", 7, "error"),
    ("IMAGE_STATE_UNDEPLOYABLE", 4, "error"),
    ("IMAGE_STATE_UNDEPLOYABLE", None, "error"),
    ("IMAGE_STATE_UNDEPLOYABLE", 3, "ok"),
    ("IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE", 4, "note"),
    ("IMAGE_STATE_GENERALIZE_RESEAL_TO_AUDIT", 4, "note"),
    ("IMAGE_STATE_SPECIALIZE_RESEAL_TO_OOBE", 7, "note"),
    ("IMAGE_STATE_SPECIALIZE_RESEAL_TO_AUDIT", 7, "ok"),
    ("something else", 7, "ok"),
]


@pytest.mark.parametrize(("image_state", "number", "level"), SETUP_STATES)
def test_where_windows_setup_stands(image_state: str, number: int | None, level: str) -> None:
    machine = Machine(
        software={"Microsoft": {"Windows\\CurrentVersion\\Setup\\State": {
            "ImageState": image_state}}},
        system={"Setup": {"Status": {"SysprepStatus": {"GeneralizationState": number}}}},
    )  # fmt: skip
    [one] = found("windows-setup", machine)
    assert one.level == level


@pytest.mark.parametrize(
    ("command", "level"),
    [(r"oobe\windeploy.exe", "ok"), (r"C:\MDT\LiteTouch.wsf /start", "warning"), ("", "ok")],
)
def test_a_command_that_waits_for_the_next_boot(command: str, level: str) -> None:
    machine = Machine(system={"Setup": {"SetupType": 2, "CmdLine": command}})
    [one] = found("windows-setup", machine)
    assert one.level == level


@pytest.mark.parametrize("build", [7601, 9600, 10240, 10586, 14393, 22631])
def test_an_upgrade_matters_before_1607(build: int) -> None:
    upgrades: list[dict[str, Any]] = [
        {"Setup": {"Source OS (Updated on 7/23/2024 09:12:33)": {}}},
        {"Setup": {"Upgrade": {"DownlevelBuild": 7601}}},
        {"Setup": {"Upgrade": 1}},
    ]
    for system in upgrades:
        [one] = found("upgraded", Machine(build=build, system=system))
        assert one.level == ("error" if build < 14393 else "ok")
    [one] = found("upgraded", Machine(build=build, system={"Setup": {"Upgrade": 0}}))
    assert one.level is Level.OK


SERVICING: list[tuple[dict[str, Any], str]] = [
    ({"files": {"Windows": {"WinSxS": {"pending.xml": b"<x/>"}}}}, "pending.xml exists"),
    ({"setupexecute": ("setupcl.exe", "poqexec.exe")}, "ControlSet001 holds poqexec.exe"),
    (
        {"system": {"ControlSet001": {"Control": {"Session Manager": {
            "SETUPEXECUTENOPNPSYNC": ["setupcl.exe", "poqexec.exe"]}}}}},
        "SETUPEXECUTENOPNPSYNC of ControlSet001 holds poqexec.exe",
    ),
    *(
        (
            {"software": {"Microsoft": {
                "Windows\\CurrentVersion\\Component Based Servicing": {name: {"Package": {}}}}}},
            f"Component Based Servicing has {name}",
        )
        for name in ("RebootPending", "RebootInProgress", "PackagesPending")
    ),
]  # fmt: skip


@pytest.mark.parametrize(("machine", "message"), SERVICING)
def test_servicing_that_waits(machine: dict[str, Any], message: str) -> None:
    [one] = found("servicing", Machine(**machine))
    assert one.level is Level.ERROR
    assert message in one.message


def test_servicing_that_is_through() -> None:
    cbs: dict[str, Any] = {"Microsoft": {"Windows\\CurrentVersion\\Component Based Servicing": {
        "PackagesPending": {}, "Packages": {"Package": {}}}}}  # fmt: skip
    [one] = found("servicing", Machine(software=cbs, setupexecute=("setupcl.exe",)))
    assert one.level is Level.OK


def test_pending_renames_of_odd_length_and_of_the_second_value() -> None:
    manager = {
        "PendingFileRenameOperations": ["a", "b", "c"],
        "PendingFileRenameOperations2": ["d"],
    }
    machine = Machine(system={"ControlSet001": {"Control": {"Session Manager": manager}}})
    [one] = found("pending-renames", machine)
    assert one.items == ("a -> b", "delete c", "delete d")
    assert one.sysprep_says == "WinMain: File operations pending"


def test_appx_service_only_matters_where_there_is_one() -> None:
    for service in ({}, {"Start": 4}, {"ImagePath": "x", "Start": 3}):
        machine = Machine(system={"ControlSet001": {"Services": {"AppXSvc": service}}})
        [one] = found("appx-service", machine)
        assert one.level is Level.OK


def test_skip_rearm_is_said() -> None:
    platform = {"Microsoft": {"Windows NT\\CurrentVersion\\SoftwareProtectionPlatform": {
        "SkipRearm": 1}}}  # fmt: skip
    [one] = found("rearm", Machine(software=platform))
    assert (one.level, one.code) == ("note", None)
    assert "SkipRearm" in one.message


def test_a_domain_member_is_warned_and_goes_on() -> None:
    one = session(Machine(**PROBLEMS["domain"].machine))
    assert any(finding.check == "domain" for finding in check_all(one))


# Overriding


@pytest.mark.parametrize(
    "name",
    [name for name, one in IN_MEMORY.items() if one.level == "error" and BY_ID[name].forceable],
)
def test_an_overridden_error_is_a_warning_that_says_so(name: str) -> None:
    problem = PROBLEMS[name]
    switches = problem.options.get("switches", frozenset()) | checks.force([name])
    one = found(name, Machine(**problem.machine), **(problem.options | {"switches": switches}))[0]
    assert one.level is Level.WARNING
    assert one.forced
    assert one.code == problem.code
    assert one.message.endswith(f"You overrode this with --force {name}.")


def test_overriding_one_check_leaves_the_others() -> None:
    machine = Machine(setupexecute=("poqexec.exe",), **PROBLEMS["store-apps"].machine)
    with pytest.raises(CheckError, match=r"poqexec.*Contoso"):
        check_all(session(machine))
    with pytest.raises(CheckError) as failed:
        check_all(session(machine, switches=checks.force(["servicing"])))
    assert "poqexec" not in failed.value.message
    check_all(session(machine, switches=checks.force(["servicing", "store-apps"])))


def test_a_check_that_does_not_exist_is_refused_with_the_names_of_those_that_do() -> None:
    with pytest.raises(UsageError, match="storeapps is not a known check") as failed:
        checks.force(["servicing", "storeapps"])
    assert failed.value.hint
    assert all(name in failed.value.hint for name in BY_ID)


@pytest.mark.parametrize("name", ["hives", "dirty-volume", "hibernation"])
def test_damage_and_hibernation_are_not_overridden(name: str) -> None:
    with pytest.raises(UsageError, match="can't be overridden"):
        checks.force([name])
    problem = PROBLEMS[name]
    one = session(
        Machine(**problem.machine),
        **({"switches": frozenset({FORCE + "hives", FORCE + "dirty-volume"})} | problem.options),
    )
    assert any(finding.level is Level.ERROR for finding in checks.run(one))


def test_many_findings_of_one_check_are_summed_up_in_the_error() -> None:
    apps: dict[str, Any] = {
        f"Contoso.App{number}_1.0.0.0_x64__8wekyb3d8bbwe": {} for number in range(40)
    }
    store = {"Microsoft": {"Windows\\CurrentVersion\\Appx\\AppxAllUserStore": {
        "S-1-5-21-1-2-3-1001": apps}}}  # fmt: skip
    with pytest.raises(CheckError, match=r"39 more findings") as failed:
        check_all(session(Machine(software=store)))
    assert len(failed.value.message) < 500
    assert failed.value.hint
    assert failed.value.hint.endswith("`reseal check` lists all of them.")


# What is odd or damaged


def test_a_damaged_hive_is_said_once_and_the_others_are_still_looked_at() -> None:
    machine = Machine(
        files={"Windows": {"System32": {"config": {"SOFTWARE": b"regf" + bytes(5000)}}}},
        setupexecute=("poqexec.exe",),
    )
    findings = checks.run(session(machine))
    assert [one.check for one in findings if one.damaged] == ["hives"]
    unseen = [one for one in findings if one.message.startswith("Not checked, since the image")]
    assert {"store-apps", "servicing"} <= {one.check for one in unseen}
    with pytest.raises(ImageError, match="SOFTWARE"):
        check_all(session(machine))


def test_damage_that_no_other_check_sees_is_an_error() -> None:
    @check("broken", "All is well.", mark=Mark.INFERRED, source="a test")
    def broken(one: Session) -> list[Finding]:
        del one
        msg = "The index is damaged."
        raise TreeError(msg)

    original = checks.suite.CHECKS
    checks.suite.CHECKS = (broken, broken)
    try:
        first, second = checks.run(session())
    finally:
        checks.suite.CHECKS = original
    assert (first.check, first.level, first.damaged) == ("broken", "error", True)
    assert (second.level, second.damaged) == ("note", False)


#: Values of the wrong type in every place that a check looks at.
_ODD = {"F": b"", "V": b"\1", "Users": {"Names": {"x": {}, "y": {"": "text"}}}}


def test_values_of_the_wrong_type_are_silently_fine() -> None:
    machine = Machine(
        system={
            "ControlSet001": {
                "Control": {
                    "Session Manager": {"PendingFileRenameOperations": "text", "SETUPEXECUTE": 1},
                    "ProductOptions": {"ProductType": 5},
                    "BitLockerStatus": {"BootStatus": "1"},
                },
                "Services": {"AppXSvc": {"ImagePath": 4, "Start": "4"}, "MSMQ": {"ImagePath": b""}},
                "Enum": {"PCI": {"": 1, "VEN_": {}, "odd": {}}},
            },
            "HardwareConfig": {"LastConfig": 3},
            "Setup": {"UnattendFile": 1, "Upgrade": "", "CmdLine": 7, "SetupType": "2"},
        },
        software={
            "Microsoft": {
                "Windows\\CurrentVersion": {
                    "ReserveManager": {"ActiveScenario": "yes"},
                    "Appx\\AppxAllUserStore": {"S-1-5-21-1": {"odd": {}, "a_b_c_d_e": {}}},
                    "Setup\\Sysprep": {"Cleanup": {"x": 1}, "SysprepCorrupt": ""},
                },
                "Windows NT\\CurrentVersion": {"SystemRoot": 3, "CurrentBuild": 1,
                                               "CurrentBuildNumber": "many"},
            }
        },
        sam={"SAM": {"Domains": {"Account": _ODD}}},
        files={"Windows": {"System32": {"ias": {"ias.xml": {}}, "inetsrv": b"no folder"}}},
    )  # fmt: skip
    for one in checks.run(session(machine, switches=frozenset({"mode:vm"}))):
        assert one.level in {Level.OK, Level.NOTE} or one.check == "vm-mode"
        assert not one.damaged


@pytest.mark.parametrize(
    "content",
    [b"", b"no XML", b"<Root>", b"\xff\xfe<", b"<!DOCTYPE Root [<!ENTITY a 'b'>]><Root>&a;</Root>"],
)
def test_files_that_are_no_xml_are_not_checked_and_that_is_said(content: bytes) -> None:
    for name, folders in (
        ("nps", ("System32", "ias", "ias.xml")),
        ("answer-files", ("Panther", "unattend.xml")),
    ):
        files: dict[str, Any] = {folders[-1]: content}
        for folder in reversed(folders[:-1]):
            files = {folder: files}
        [one] = found(name, Machine(files={"Windows": files}))
        assert one.level is Level.NOTE
        assert one.message.startswith("Not checked: ")


def test_a_file_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reseal.checks.reading.MAX_SIZE", 10)
    [one] = found("iis", Machine(**PROBLEMS["iis"].machine))
    assert one.level is Level.NOTE
    assert "more than any real file" in one.message


def test_a_hostile_image_does_not_fill_the_report() -> None:
    @check("endless", "Fine.", mark=Mark.INFERRED, source="a test")
    def endless(one: Session) -> Iterator[Finding]:
        del one
        name = "y" * (4 << 20)
        while True:
            yield warning("x" * 10_000, items=[name] * 3)

    monstrous = endless(session())
    assert len(monstrous) == 1000
    assert len(monstrous[0].message) < 5000
    assert [len(found.items) for found in monstrous[:3]] == [3, 1, 0]


def test_a_scan_that_fails_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_volume: object) -> list[str]:
        msg = "The $MFT claims too much."
        raise TreeError(msg)

    class Fake(ntfs.Volume):
        def __init__(self) -> None:
            pass

    one = session()
    one.installation.tree = Fake()
    monkeypatch.setattr(ntfs, "encrypted_files", refuse)
    [finding] = BY_ID["encrypted-files"](one)
    assert finding.message == "Not checked: The $MFT claims too much."


def test_words_and_codes_are_those_of_the_declaration_unless_the_finding_has_its_own() -> None:
    @check("sample", "Fine.", mark=Mark.SEEN, source="x", sysprep_says="No!", code="0x1")
    def sample(one: Session) -> list[Finding]:
        del one
        return [error("Wrong."), error("Wrong.", sysprep_says="Never!")]

    first, second = sample(session())
    assert (first.sysprep_says, first.code) == ("No!", "0x1")
    assert (second.sysprep_says, second.code) == ("Never!", "0x1")
    assert first.to_json()["items"] == ()


def test_a_system_volume_that_bitlocker_encrypts() -> None:
    [one] = found("bitlocker", Machine(), volume_state=replace(CLEAN, encrypted=True))
    assert (one.level, one.code) == ("error", "0x80310039")
    assert "--decrypt" in str(one.hint)
    [one] = found("bitlocker", Machine(), volume_state=CLEAN)
    assert one.level is Level.OK
