"""What a build or an upgrade leaves in an image, and programs that an image lacks."""

from __future__ import annotations

from typing import Any

import pytest

from reseal.checks import CHECKS, Finding, Level
from reseal.errors import CheckError
from reseal.sysprep.generalize import generalize
from reseal.testing.machine import Machine
from tests.builders import session

BY_ID = {one.id: one for one in CHECKS}
CURRENT = {"build": 22631}


def _found(name: str, **machine: Any) -> list[Finding]:
    return BY_ID[name](session(Machine(**machine)))


def _software(path: str, values: dict[str, Any]) -> dict[str, Any]:
    for part in reversed(path.split("\\")):
        values = {part: values}
    return {"software": values}


def _system(path: str, values: dict[str, Any]) -> dict[str, Any]:
    return {"system": _software(path, values)["software"]}


WINLOGON = r"Microsoft\Windows NT\CurrentVersion\Winlogon"
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "logon": (_software(WINLOGON, {"AutoAdminLogon": "1"}), "logs on automatically"),
    "logon number": (_software(WINLOGON, {"AutoAdminLogon": 1}), "logs on automatically"),
    "password alone": (_software(WINLOGON, {"DefaultPassword": "hush"}), "password"),
    "oobe": (
        _software(r"Microsoft\Windows\CurrentVersion\OOBE", {"SkipMachineOOBE": 1}),
        "SkipMachineOOBE",
    ),
    "user oobe": (
        _software(r"Microsoft\Windows\CurrentVersion\OOBE", {"SkipUserOOBE": 1}),
        "SkipUserOOBE",
    ),
    "run once": (
        _software(r"Microsoft\Windows\CurrentVersion\RunOnce", {"build": "build.cmd hush"}),
        "build",
    ),
    "presysprep": (
        _system(r"Setup\FirstBoot\PreSysPrep", {"0": "SetupPlatform.exe"}),
        "PreSysPrep",
    ),
    "no short names": (
        _system(r"ControlSet001\Control\FileSystem", {"NtfsDisable8dot3NameCreation": 1}),
        "NtfsDisable8dot3NameCreation is 1",
    ),
    "short names on the system volume": (
        _system(r"ControlSet001\Control\FileSystem", {"NtfsDisable8dot3NameCreation": 3}),
        "NtfsDisable8dot3NameCreation is 3",
    ),
}


@pytest.mark.parametrize(("machine", "said"), CASES.values(), ids=list(CASES))
def test_what_a_build_left_is_said(machine: dict[str, Any], said: str) -> None:
    [one] = _found("build-leftovers", **machine)
    assert one.level is Level.WARNING
    assert said in one.message
    assert "hush" not in repr(one)


HARMLESS: list[dict[str, Any]] = [
    _software(WINLOGON, {"AutoAdminLogon": "0", "DefaultUserName": "builder"}),
    _software(WINLOGON, {"AutoAdminLogon": ""}),
    _software(r"Microsoft\Windows\CurrentVersion\OOBE", {"SkipMachineOOBE": 0}),
    _software(r"Microsoft\Windows\CurrentVersion\RunOnce", {}),
    # Empty keys are seen in a finished installation.
    _system("Setup", {r"FirstBoot\PreSysPrep": {}, r"FirstBoot\PostSysPrep": {}}),
    _system(r"ControlSet001\Control\FileSystem", {"NtfsDisable8dot3NameCreation": 2}),
    # Only current versions are reported to stop at it.
    _system(r"ControlSet001\Control\FileSystem", {"NtfsDisable8dot3NameCreation": 1})
    | {"build": 9600},
]


@pytest.mark.parametrize("machine", HARMLESS)
def test_what_a_build_usually_has_is_not_said(machine: dict[str, Any]) -> None:
    [one] = _found("build-leftovers", **machine)
    assert one.level is Level.OK


@pytest.mark.parametrize(
    ("values", "level"),
    [
        ({"Upgrade": 1}, "error"),
        ({"RollbackActive": 1}, "error"),
        ({"Upgrade": 0, "RollbackActive": 0}, "ok"),
        ({"LastMigrationScope": 5, "UninstallSourceVersion": "10.0"}, "ok"),
        ({r"Upgrade\NetworkDriverBackup": {"a": 1}}, "ok"),
    ],
)
def test_an_upgrade_under_way(values: dict[str, Any], level: str) -> None:
    machine = Machine(system={"Setup": values})
    [one] = BY_ID["upgrade-under-way"](session(machine))
    assert one.level == level
    if level == "error":
        with pytest.raises(CheckError, match=next(iter(values))):
            generalize(session(machine))


@pytest.mark.parametrize(
    "missing",
    [
        {"setupcl.exe": None},
        {"oobe": None},
        {"oobe": {"windeploy.exe": None}},
        {"setupcl.exe": {"a folder": b""}},
    ],
)
def test_an_image_without_a_program_of_the_first_boot_is_refused(missing: dict[str, Any]) -> None:
    machine = Machine(files={"Windows": {"System32": missing}})
    [one] = BY_ID["first-boot-programs"](session(machine))
    assert one.level is Level.ERROR
    assert one.items[0] in one.message
    with pytest.raises(CheckError, match=r"setupcl\.exe|windeploy\.exe"):
        generalize(session(machine))


ANSWERS = {
    "<ComputerName>BUILDBOX</ComputerName>": "names every copy BUILDBOX",
    "<ComputerName>*</ComputerName>": None,
    "<ComputerName>PC-*</ComputerName>": None,
    "<ComputerName>%SERIAL%</ComputerName>": None,
    "<ComputerName></ComputerName>": None,
    "<FirstLogonCommands><SynchronousCommand><CommandLine>hush</CommandLine></SynchronousCommand>"
    "</FirstLogonCommands>": "runs 1 command at the first logon",
    "<LogonCommands><AsynchronousCommand/><AsynchronousCommand/></LogonCommands>": "runs 2 commands",
    "<FirstLogonCommands></FirstLogonCommands>": None,
}


@pytest.mark.parametrize("content", ANSWERS)
@pytest.mark.parametrize("folder", ["Panther", r"Panther\Unattend"])
def test_a_cached_answer_file_that_makes_copies_alike(content: str, folder: str) -> None:
    text = (
        '<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="specialize">'
        f'<component name="Microsoft-Windows-Shell-Setup">{content}</component></settings></unattend>'
    )
    files: dict[str, Any] = {"unattend.xml": text.encode()}
    for part in reversed(folder.split("\\")):
        files = {part: files}
    [one] = _found("cached-answers", files={"Windows": files})
    said = ANSWERS[content]
    assert one.level == (Level.WARNING if said else Level.OK)
    assert said is None or (said in one.message and "unattend.xml" in one.message.lower())
    assert "hush" not in repr(one)
