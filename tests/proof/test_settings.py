"""Addresses set by hand in VM mode, and passwords in answer files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reseal.operations.verify import verify
from reseal.proof import settings
from reseal.proof.hits import Hit, Place
from reseal.proof.identity import Kind
from reseal.proof.judgement import Context, Verdict, judge
from reseal.testing.machine import Machine, tree
from tests.builders import session

ADAPTER = "{4F2A1B3C-1111-4222-8333-0123456789AB}"
CLASS = r"Control\Class\{4d36e972-e325-11ce-bfc1-08002be10318}\0001"
SYSTEM: dict[str, Any] = {"ControlSet001": {
    CLASS: {"NetCfgInstanceId": ADAPTER, "NetworkAddress": "0A1B2C3D4E5F"},
    rf"Services\Tcpip\Parameters\Interfaces\{ADAPTER}": {
        "EnableDHCP": 0, "IPAddress": ["192.0.2.25"]},
}}  # fmt: skip
IN_VM_MODE = {"reseal": {"Mode": "vm"}}
NETWORK_ADDRESS = rf"HKLM\SYSTEM\ControlSet001\{CLASS}\\NetworkAddress"
PERMANENT = rf"HKLM\SYSTEM\ControlSet001\Control\NetworkSetup2\Interfaces\{ADAPTER}\Kernel\\PermanentAddress"
FILE = r"Windows\System32\config\SYSTEM"


def answers(password: str, plain: str = "true", done: str = "") -> bytes:
    return (
        f'<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="oobeSystem"{done}>'
        '<component name="Microsoft-Windows-Shell-Setup"><UserAccounts><AdministratorPassword>'
        f"<Value>{password}</Value><PlainText>{plain}</PlainText></AdministratorPassword></UserAccounts>"
        "</component></settings></unattend>"
    ).encode()


def panther(data: bytes) -> dict[str, Any]:
    return {"Windows": {"Panther": {"unattend.xml": data}}}


@pytest.mark.parametrize(
    ("vm_mode", "key", "verdict"),
    [
        (True, NETWORK_ADDRESS, Verdict.LEFT_BEHIND),
        (True, PERMANENT, Verdict.REPORTED),
        (False, NETWORK_ADDRESS, Verdict.HARMLESS),
        (False, PERMANENT, Verdict.HARMLESS),
    ],
)
def test_the_mac_of_an_adapter_that_vm_mode_keeps_is_not_harmless(
    *, vm_mode: bool, key: str, verdict: Verdict
) -> None:
    hit = Hit(Kind.MAC, "0A-1B-2C-3D-4E-5F", "text", Place.VALUE, FILE, key)
    assert judge(hit, Context(False, frozenset(), vm_mode=vm_mode)).verdict is verdict


@pytest.mark.parametrize("software", [IN_VM_MODE, {}])
def test_a_static_address_is_left_behind_in_vm_mode(software: dict[str, Any]) -> None:
    found = list(settings.addresses(session(Machine(system=SYSTEM, software=software))))
    assert [(one.value, one.path) for one in found] == ([("192.0.2.25", FILE)] if software else [])
    for one in found:
        assert judge(one, Context(False, frozenset(), vm_mode=True)).verdict is Verdict.LEFT_BEHIND


@pytest.mark.parametrize(
    ("data", "form", "verdict"),
    [
        (answers("hush"), "plain text", Verdict.REPORTED),
        (answers("hush", plain="false"), "only encoded", Verdict.REPORTED),
        (answers("hush", done=' wasPassProcessed="true"'), "plain text", Verdict.LEFT_BEHIND),
        (answers("*SENSITIVE*DATA*DELETED*"), None, None),
        (answers(""), None, None),
    ],
)
def test_a_password_in_an_answer_file(
    data: bytes, form: str | None, verdict: Verdict | None
) -> None:
    found, awaited = settings.passwords(session(Machine(files=panther(data))))
    assert [one.form for one in found] == ([form] if form else [])
    for one in found:
        assert "hush" not in repr(one)
        assert one.value == "UserAccounts/AdministratorPassword (oobeSystem)"
        assert judge(one, Context(False, frozenset(), awaited=awaited)).verdict is verdict


def test_verify_names_them_and_what_to_do(tmp_path: Path) -> None:
    machine = Machine(
        system=SYSTEM,
        software=IN_VM_MODE,
        files=panther(answers("hush", done=' wasPassProcessed="true"')),
    )
    _write(tmp_path, tree(machine))
    record = verify(tmp_path)
    advice = {
        one["kind"]: one["advice"] for one in record["groups"] if one["verdict"] == "left behind"
    }
    assert "--drop-cached-unattend" in advice["password"]
    assert "--reset-addresses" in advice["static address"]
    assert "--reset-addresses" in advice["MAC address"]
    assert "hush" not in repr(record)


def _write(folder: Path, files: dict[str, Any]) -> None:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        if isinstance(content, dict):
            _write(folder / name, content)
        elif content is not None:
            (folder / name).write_bytes(content)
