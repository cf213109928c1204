"""Identities and leftovers in spellings and places that differ from the usual ones."""

from __future__ import annotations

import re
from typing import Any

import pytest

from reseal.checks import CHECKS, Level
from reseal.operations.boot import explained
from reseal.testing.machine import Machine
from tests.builders import session
from tests.checks.problems import CCS
from tests.providers.test_machine_certificates import blob

BY_ID = {one.id: one for one in CHECKS}
ENROLLMENT = "{9A8B7C6D-5E4F-4321-8765-0123456789AB}"
THUMBPRINT = "1F2E3D4C5B6A798887766554433221100FFEEDDC"
EXTERNAL = "Windows\\CurrentVersion\\Setup\\SysPrepExternal"


def certificate(data: bytes, store: str = "MY") -> dict[str, Any]:
    return {"SystemCertificates": {store: {"Certificates": {THUMBPRINT: {"Blob": data}}}}}


def nested(path: str, values: dict[str, Any]) -> dict[str, Any]:
    for part in reversed(path.split("\\")):
        values = {part: values}
    return values


def enrolled(**values: Any) -> dict[str, Any]:
    return {"Enrollments": {ENROLLMENT: values}}


def joined(**values: Any) -> dict[str, Any]:
    return {CCS: {"Control": {"CloudDomainJoin": {"JoinInfo": {THUMBPRINT: values}}}}}


@pytest.mark.parametrize(
    ("check", "software", "system", "level", "message"),
    [
        ("cloud-join", enrolled(UPN="a@b.example"), {}, "warning", "unknown service.* by a@b.example"),
        ("cloud-join", enrolled(ProviderID="AirWatchMDM"), {}, "warning", "AirWatchMDM.* unknown user"),
        ("cloud-join", enrolled(EnrollmentType=0), {}, "ok", ""),
        ("cloud-join", enrolled(ProviderID=3, UPN=b"\0"), {}, "ok", ""),
        ("cloud-join", certificate(blob(None) + b"MS-Organization-Access"), {}, "warning",
         "no longer has"),
        ("cloud-join", {}, joined(), "warning", "tenant unknown, by an unknown user"),
        ("cloud-join", {}, joined(TenantId=5, UserEmail=b"\xff"), "warning", "tenant unknown"),
        # Which program uses a certificate without a listener is not known, so it is a note.
        ("machine-certificates", certificate(blob("te-1234-abcd-5678")), {}, "note", THUMBPRINT),
        ("machine-certificates", certificate(blob(None)), {}, "ok", ""),
        ("machine-certificates", certificate(blob("te-1234-abcd") + b"MS-Organization-Access"), {},
         "ok", ""),
        ("machine-certificates", certificate(b"\xff" * 40), {}, "ok", ""),
        ("sysprep-providers", nested(EXTERNAL, {"Cleanup": {"{X}": 5, "{Y}": "", "{Z}": ","}}), {},
         "ok", ""),
        ("sysprep-providers", nested(EXTERNAL, {"Generalize": {"{X}": r"C:\Tools\Agent.dll,Go"}}), {},
         "note", r"agent\.dll,Go of an unknown vendor, C:\\Tools\\Agent\.dll \(Generalize\)"),
        ("sysprep-providers", nested(EXTERNAL, {"Specialize": {"{X}": "VMAgentDisabler.dll"}}), {},
         "note", r"vmagentdisabler\.dll of Microsoft \(Azure VM agent\)"),
        ("sysprep-providers",
         nested(EXTERNAL, {"Cleanup": {"{X}": r"%windir%\system32\DSCCORE.DLL,SysPrep_Cleanup"}}), {},
         "ok", ""),
        ("kms-client", {"OfficeSoftwareProtectionPlatform": {"KeyManagementServiceName": "kms"}}, {},
         "warning", "Office activates.*host kms"),
    ],
)  # fmt: skip
def test_an_identity_is_named_where_it_is_and_only_there(
    check: str, software: dict[str, Any], system: dict[str, Any], level: str, message: str
) -> None:
    found = BY_ID[check](session(Machine(software={"Microsoft": software}, system=system)))
    assert [one.level for one in found] == [Level(level)]
    (one,) = found
    assert level == "ok" or re.search(message, " ".join((one.message, *one.items)))


STARTUP = r"ProgramData\Microsoft\Windows\Start Menu\Programs\Startup"
OOBE_USER = {"Users": {"defaultuser1": {"NTUSER.DAT": b"regf"}}}
SECTION = {"RunOnceEx": {"001": {"1": "setup.exe"}}}


@pytest.mark.parametrize(
    ("machine", "message"),
    [
        ({"users": ("Alice", "DefaultUser100000")}, "account DefaultUser100000 is left.*--remove-user"),
        ({"files": OOBE_USER}, r"C:\\Users\\defaultuser1 is left.*--delete"),
        ({"files": OOBE_USER, "users": ("Alice", "defaultuser1")}, "account defaultuser1 is left"),
        ({"users": ("defaultuser", "defaultuserX", "xdefaultuser0")}, None),
        ({"files": {"LTIBootstrap.vbs": b"'"}}, "task sequence"),
        ({"files": nested(STARTUP, {"LiteTouch.lnk": b"L"})}, r"Startup\\LiteTouch\.lnk is left"),
        ({"files": nested(STARTUP, {"Other.lnk": b"L"})}, None),
        ({"software": {"Microsoft": {"Windows": {"CurrentVersion": SECTION}}}}, "RunOnceEx.*: 1"),
        ({"software": {"Microsoft": {"Windows": {"CurrentVersion": {"RunOnceEx": {"001": {}}}}}}}, None),
    ],
)  # fmt: skip
def test_a_leftover_of_the_build_is_named_with_its_cure(
    machine: dict[str, Any], message: str | None
) -> None:
    found = BY_ID["build-leftovers"](session(Machine(**machine)))
    said = [f"{one.message} {one.hint}" for one in found if one.level != Level.OK]
    assert bool(said) == bool(message)
    assert message is None or [text for text in said if re.search(message, text)] == said


def answers(architecture: str) -> bytes:
    """An answer file that names every copy."""
    return (
        '<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="specialize"><component '
        f'name="Microsoft-Windows-Shell-Setup" processorArchitecture="{architecture}" language="neutral" '
        'publicKeyToken="31bf3856ad364e35" versionScope="nonSxS"><ComputerName>BUILD</ComputerName>'
        "</component></settings></unattend>"
    ).encode()


@pytest.mark.parametrize(
    ("windows", "component", "named"),
    [
        ("AMD64", "amd64", True),
        ("AMD64", "x86", False),
        ("ARM64", "arm64", True),
        ("x86", "x86", True),
    ],
)
def test_components_of_other_architectures_do_nothing(
    windows: str, component: str, named: bool
) -> None:
    files = {"Windows": {"Panther": {"unattend.xml": answers(component)}}}
    found = BY_ID["cached-answers"](session(Machine(files=files, architecture=windows)))
    assert any("names every copy BUILD" in one.message for one in found) == named


@pytest.mark.parametrize(("setup_type", "named"), [(2, True), (0, False)])
def test_the_status_of_a_boot_names_answer_files_that_it_uses(
    setup_type: int, *, named: bool
) -> None:
    setup = {"SetupType": setup_type, "CmdLine": r"oobe\windeploy.exe" if setup_type else ""}
    files = {"Windows": {"Panther": {"unattend.xml": answers("amd64")}}}
    installation = session(Machine(files=files, system={"Setup": setup})).installation
    said = list(explained(installation))
    assert any("names every copy BUILD" in one for one in said) == named
