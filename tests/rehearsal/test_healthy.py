"""Healthy images raise no alarm: versions, architectures, and the oddities that real ones have."""

from __future__ import annotations

from typing import Any

import pytest

from reseal.testing.drivers import multi
from reseal.testing.machine import Machine
from tests.rehearsal.samples import answer_file, first, healthy, walk

#: Build, PROCESSOR_ARCHITECTURE, product, installation type.
VERSIONS = [
    (7601, "x86", "Windows 7 Professional", "Client"),
    (7601, "AMD64", "Windows 7 Professional", "Client"),
    (9600, "AMD64", "Windows 8.1 Pro", "Client"),
    (9600, "AMD64", "Windows Server 2012 R2 Standard", "Server"),
    (10240, "AMD64", "Windows 10 Pro", "Client"),
    (14393, "AMD64", "Windows Server 2016 Standard", "Server"),
    (17763, "AMD64", "Windows Server 2019 Standard", "Server Core"),
    (19045, "x86", "Windows 10 Pro", "Client"),
    (20348, "AMD64", "Windows Server 2022 Standard", "Server"),
    (22631, "ARM64", "Windows 10 Pro", "Client"),
    (26100, "AMD64", "Windows 10 Pro", "Client"),
    (26100, "AMD64", "Windows Server 2025 Standard", "Server"),
]


def sample_of(build: int, architecture: str, product: str, kind: str, *, armed: bool) -> Machine:
    """Return a healthy machine of a version."""
    name = {"AMD64": b"amd64", "x86": b"x86", "ARM64": b"arm64"}[architecture]
    answers = answer_file().replace(b"amd64", name)
    if build < 10240:
        own = b"<NetworkLocation>Work</NetworkLocation></OOBE>"
        answers = answers.replace(b"</OOBE>", own).replace(
            b"<HideOnlineAccountScreens>true</HideOnlineAccountScreens>", b""
        )
    server = kind.startswith("Server")
    return healthy(
        {"Windows": {"Panther": {"unattend.xml": answers}}},
        {"ControlSet001": {"Control": {"ProductOptions": {
            "ProductType": "ServerNT" if server else "WinNT"}}}},
        armed=armed, build=build, architecture=architecture, product=product, install_type=kind,
    )  # fmt: skip


@pytest.mark.parametrize("armed", [False, True])
@pytest.mark.parametrize("version", VERSIONS, ids=lambda one: f"{one[0]} {one[1]} {one[3]}")
def test_no_version_stops(version: tuple[int, str, str, str], armed: bool) -> None:
    record = walk(sample_of(*version, armed=armed))
    assert first(record, disk=False) is None, record["stages"]
    assert record["verdict"] == "passes"


def _services(**values: Any) -> dict[str, Any]:
    return {"ControlSet001": {"Services": values}}


def _manager(**values: Any) -> dict[str, Any]:
    return {"ControlSet001": {"Control": {"Session Manager": values}}}


ODDITIES: dict[str, Machine] = {
    "Ntfs starts on demand": healthy(system=_services(Ntfs={"Start": 3})),
    "partmgr starts with the system": healthy(system=_services(partmgr={"Start": 1})),
    "8.1 has no volume driver": healthy(
        {"Windows": {"System32": {"drivers": {"volume.sys": None}}}},
        _services(volume=None), build=9600,
    ),
    "volsnap starts on demand": healthy(system=_services(volsnap={"Start": 3})),
    "disk may fail": healthy(system=_services(disk={"ErrorControl": 1})),
    "a service key without Start": healthy(system=_services(pvscsi={"Parameters": {"x": 1}})),
    "a driver without ImagePath": healthy(system=_services(disk={"ImagePath": None})),
    "a driver below SystemRoot": healthy(
        system=_services(disk={"ImagePath": r"\SystemRoot\System32\drivers\disk.sys"})
    ),
    "StartOverride on hardware that is not there": healthy(
        system=_services(stornvme={"StartOverride": {"0": 3}}, intelide={"StartOverride": {"0": 3}})
    ),
    "files to rename at the boot": healthy(
        system=_manager(PendingFileRenameOperations=multi(r"\??\C:\x", ""))
    ),
    "the old control set is gone": healthy(
        system={"Select": {"Current": 1, "Default": 1, "Failed": 0, "LastKnownGood": 2}}
    ),
    "no drive letters yet": healthy(system={"MountedDevices": {r"\DosDevices\C:": None}}),
    "no devices yet": healthy(system={"ControlSet001": {"Enum": None}}),
    "a second shell in Userinit": healthy(
        software={"Microsoft": {"Windows NT": {"CurrentVersion": {"Winlogon": {
            "Userinit": r"C:\Windows\system32\userinit.exe,explorer.exe,"}}}}}
    ),
    "Server Core's shell": healthy(
        {"Windows": {"System32": {"cmd.exe": b"MZ"}}},
        software={"Microsoft": {"Windows NT": {"CurrentVersion": {"Winlogon": {
            "Shell": 'cmd.exe /c "cd /d "%USERPROFILE%" & start cmd.exe"'}}}}},
    ),
    "a service on another drive": healthy(
        system=_services(Agent={
            "Start": 2, "Type": 0x10, "ErrorControl": 3, "ImagePath": r"E:\Agent\agent.exe"})
    ),
    "a service with arguments": healthy(
        {"Program Files": {"Agent 2": {"agent.exe": b"MZ"}}},
        _services(Agent={
            "Start": 2, "Type": 0x10, "ErrorControl": 3,
            "ImagePath": r"C:\Program Files\Agent 2\agent.exe -k netsvcs"}),
    ),
    "a disabled driver without a file": healthy(
        system=_services(acme={"Start": 4, "Type": 1, "ErrorControl": 3})
    ),
    "SanPolicy as Windows has it": healthy(
        system=_services(partmgr={"Parameters": {"SanPolicy": 1}})
    ),
    "short names as usual": healthy(
        system={"ControlSet001": {"Control": {"FileSystem": {"NtfsDisable8dot3NameCreation": 2}}}},
        armed=True, build=26100,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ODDITIES)
def test_no_oddity_of_healthy_images_alarms(name: str) -> None:
    record = walk(ODDITIES[name])
    assert first(record, disk=False) is None, record["stages"]
