from __future__ import annotations

from typing import Any

from reseal.providers.cloud_join import cloud_join
from reseal.testing.machine import Machine
from tests.builders import effect, session
from tests.providers.judge import judged
from tests.providers.test_agents import nested
from tests.providers.test_machine_certificates import FILE, KEYS, STORE, blob

JOIN = "0B1C2D3E4F5061728394A5B6C7D8E9FA0B1C2D3E"
MDM = "1B1C2D3E4F5061728394A5B6C7D8E9FA0B1C2D3E"
ENROLLMENT = "9A8B7C6D-5E4F-4321-8765-0123456789AB"
TASK = "{11111111-2222-4333-8444-555555555555}"
CACHE = r"Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache"
TASKS = rf"Windows\System32\Tasks\Microsoft\Windows\EnterpriseMgmt\{ENROLLMENT}"


def joined(control_sets: tuple[int, ...] = (1, 2)) -> Machine:
    """A machine that is joined to Microsoft Entra and enrolled in Intune."""
    join = {"CloudDomainJoin": {
        "JoinInfo": {JOIN: {"TenantId": "t-1", "UserEmail": "builder@corp.example"}},
        "TenantInfo": {"t-1": {"DisplayName": "Corp"}},
    }}  # fmt: skip
    enrollment = {
        "ProviderID": "MS DM Server",
        "UPN": "b@corp.example",
        "DMPCertThumbPrint": MDM.lower(),
    }
    tree = nested(
        rf"Tree\Microsoft\Windows\EnterpriseMgmt\{ENROLLMENT}", {"Schedule #1": {"Id": TASK}}
    )
    microsoft: dict[str, Any] = {
        "Enrollments": {ENROLLMENT: enrollment, "Status": {ENROLLMENT: {"x": 1}},
                        "ValidNodePaths": {"keep": 1}, ENROLLMENT[::-1]: {"keep": 1}},
        "EnterpriseResourceManager": {"Tracked": {ENROLLMENT: {"x": 1}}},
        "Provisioning": {"OMADM": {"Accounts": {ENROLLMENT: {"x": 1}}}},
        "SystemCertificates": {"MY": {"Certificates": {
            JOIN: {"Blob": blob("te-RSA-0b3d706b-9c5d-41e6") + b"MS-Organization-Access"},
            MDM: {"Blob": blob(None)}, "AA": {"Blob": blob(None)}}}},
        "Windows NT": {"CurrentVersion": {"Schedule": {"TaskCache": {
            **tree, "Tasks": {TASK: {"Path": "x"}}, "Plain": {TASK: {}}}}}},
    }  # fmt: skip
    files = nested(TASKS, {"Schedule #1": b"<Task/>"})
    files["ProgramData"] = {"Microsoft": {"Crypto": {"RSA": {"MachineKeys": {FILE: b"key"}}}}}
    return Machine(
        control_sets=control_sets, files=files, software={"Microsoft": microsoft},
        system={f"ControlSet00{number}": {"Control": join} for number in control_sets},
    )  # fmt: skip


def test_joins_enrollments_certificates_and_tasks_go_and_nothing_else() -> None:
    done = judged(effect("cloud-join", joined()))
    keys = {one for one in done.changes if one.endswith("\\")}
    control = r"Control\CloudDomainJoin"
    tree = rf"{CACHE}\Tree\Microsoft\Windows\EnterpriseMgmt\{ENROLLMENT}"
    assert keys == {
        *(f"SYSTEM\\ControlSet00{number}\\{control}\\{path}\\"
          for number in (1, 2) for path in (rf"JoinInfo\{JOIN}", r"TenantInfo\t-1")),
        *(f"SOFTWARE\\{path}\\" for path in (
            rf"Microsoft\Enrollments\{ENROLLMENT}", rf"Microsoft\Enrollments\Status\{ENROLLMENT}",
            rf"Microsoft\EnterpriseResourceManager\Tracked\{ENROLLMENT}",
            rf"Microsoft\Provisioning\OMADM\Accounts\{ENROLLMENT}",
            rf"{STORE}\{JOIN}", rf"{STORE}\{MDM}", tree, rf"{tree}\Schedule #1",
            rf"{CACHE}\Tasks\{TASK}", rf"{CACHE}\Plain\{TASK}")),
    }  # fmt: skip
    # Every value that went was in one of these keys.
    assert all(one.rpartition("\\")[0] + "\\" in keys or one[0] == "-" for one in done.changes)
    assert {one for one in done.changes if one[0] == "-"} == {
        rf"-{KEYS}\RSA\MachineKeys\{FILE}", f"-{TASKS}", rf"-{TASKS}\Schedule #1"
    }  # fmt: skip


def test_a_workplace_join_of_a_user_goes() -> None:
    store = rf"Users\Alice\AppData\Roaming\Microsoft\SystemCertificates\My\Certificates\{JOIN}"
    machine = Machine(files=nested(store, b"certificate"))
    one = session(machine)
    sid = machine.sid.relative(1001)
    key = rf"HKU\{sid}\Software\Microsoft\Windows NT\CurrentVersion\WorkplaceJoin\JoinInfo\{JOIN}"
    one.set_text(key, "TenantId", "t-1")
    cloud_join(one)
    assert [change.target for change in one.changes[1:]] == [key, store]


def test_a_machine_that_was_never_joined_is_left_as_it_is() -> None:
    assert effect("cloud-join").changes == set()
