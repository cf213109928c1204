from __future__ import annotations

import pytest

from reseal.sysprep import actions
from reseal.sysprep.action_file import Action, Component
from reseal.testing.machine import Machine
from reseal.testing.memory import Link
from tests.builders import session

HKLM = "HKEY_LOCAL_MACHINE"


def _component(*found: Action, architecture: str = "amd64") -> Component:
    return Component("Test", architecture, 1, "", 1, (), found, ())


def test_current_control_set_means_every_set_that_select_names() -> None:
    one = session(Machine(control_sets=(1, 2, 5), select={"Current": 2, "LastKnownGood": 1}))
    path = rf"{HKLM}\SYSTEM\CurrentControlSet\Services\TPM\WMI\Admin"
    assert actions.run(one, _component(Action("deleteKey", path))) == []
    assert [change.target for change in one.changes] == [
        r"HKLM\SYSTEM\ControlSet002\Services\TPM\WMI\Admin",
        r"HKLM\SYSTEM\ControlSet001\Services\TPM\WMI\Admin",
    ]
    assert one.registry.key(r"HKLM\SYSTEM\ControlSet005\Services\TPM\WMI\Admin") is not None


def test_a_wow64_component_works_in_wow6432node() -> None:
    one = session()
    path = rf"{HKLM}\Software\Microsoft\Windows Advanced Threat Protection"
    actions.run(one, _component(Action("deleteValue", path, "senseGuid"), architecture="wow64"))
    native = r"HKLM\SOFTWARE\Microsoft\Windows Advanced Threat Protection"
    assert [change.target for change in one.changes] == [
        r"HKLM\SOFTWARE\WOW6432Node\Microsoft\Windows Advanced Threat Protection\\senseGuid"
    ]
    assert one.registry.text(native, "senseGuid") == "5b1f"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (rf"{HKLM}\SOFTWARE\A", r"HKLM\SOFTWARE\WOW6432Node\A"),
        (rf"{HKLM}\SYSTEM\A", r"HKLM\SYSTEM\A"),
        (rf"{HKLM}\Software\Policies\A", r"HKLM\Software\Policies\A"),
        (r"HKEY_CURRENT_USER\Software\A", r"HKCU\Software\A"),
    ],
)
def test_only_software_of_the_machine_is_redirected(path: str, expected: str) -> None:
    assert actions.registry_path(path, wow64=True) == expected


def test_current_user_is_the_built_in_administrator() -> None:
    one = session()
    path = r"HKEY_CURRENT_USER\Software\Microsoft\Windows\CurrentVersion\CloudStore"
    action = Action("setValue", path, "IsSysPrepGeneralized", "REG_DWORD", "0x01")
    assert actions.run(one, _component(action)) == []
    sid = Machine().sid.relative(500)
    assert [change.target for change in one.changes] == [
        rf"HKU\{sid}\Software\Microsoft\Windows\CurrentVersion\CloudStore\\IsSysPrepGeneralized"
    ]
    assert one.registry.number(path, "IsSysPrepGeneralized") == 1


def test_without_an_administrator_profile_the_action_has_no_target_and_says_so() -> None:
    one = session(Machine(files={"Users": {"Administrator": None}}))
    (problem,) = actions.run(one, _component(Action("deleteKey", r"HKEY_CURRENT_USER\Software\X")))
    assert "Administrator has no profile" in problem
    assert one.changes == []


def test_wildcards_mean_files_of_that_folder() -> None:
    one = session()
    folder = (
        r"$(runtime.windows)\ServiceProfiles\LocalService\AppData\Local\ConnectedDevicesPlatform"
    )
    actions.run(one, _component(Action("deleteFile", rf"{folder}\*.cdp")))
    assert [change.target.rpartition("\\")[2] for change in one.changes] == [
        "CDPGlobalSettings.cdp"
    ]


def test_system32_of_a_wow64_component_is_syswow64() -> None:
    assert actions.file_path(r"$(runtime.system32)\x.dll", "Windows", wow64=True) == (
        r"Windows\SysWOW64\x.dll"
    )
    assert actions.file_path(r"$(runtime.system32)\x.dll", "WIN", wow64=False) == (
        r"WIN\System32\x.dll"
    )


@pytest.mark.parametrize(
    "path",
    [r"$(runtime.windows)\..\..\x", r"$(unknown)\x", r"C:\Windows\x", r"$(runtime.windows)\x:s"],
)
def test_a_path_that_could_leave_the_image_is_not_taken(path: str) -> None:
    one = session()
    (problem,) = actions.run(one, _component(Action("deleteDirectory", path)))
    assert "variable" in problem or "path" in problem
    assert one.changes == []


def test_a_folder_behind_a_junction_is_not_touched() -> None:
    one = session(Machine(files={"Windows": {"ServiceState": Link()}}))
    actions.run(
        one, _component(Action("deleteDirectory", r"$(runtime.windows)\ServiceState\wmansvc"))
    )
    assert one.changes == []
    assert one.files.outside


@pytest.mark.parametrize(
    ("kind", "text", "data"),
    [
        ("REG_DWORD", "0x8002", b"\x02\x80\0\0"),
        ("REG_DWORD", "1", b"\x01\0\0\0"),
        ("REG_SZ", "a", b"a\0\0\0"),
        ("REG_EXPAND_SZ", "%a%", "%a%\0".encode("utf-16-le")),
        ("REG_MULTI_SZ", "a;b", "a\0b\0\0".encode("utf-16-le")),
        ("REG_BINARY", "01ff", b"\x01\xff"),
        ("REG_QWORD", "5", b"\x05" + bytes(7)),
    ],
)
def test_data_of_every_type(kind: str, text: str, data: bytes) -> None:
    assert actions.value(kind, text)[1] == data


@pytest.mark.parametrize(
    ("kind", "text"), [("REG_DWORD", "x"), ("REG_NEW", "1"), ("REG_BINARY", "g")]
)
def test_data_that_does_not_fit_is_reported(kind: str, text: str) -> None:
    one = session()
    action = Action("setValue", rf"{HKLM}\SOFTWARE\X", "v", kind, text)
    assert len(actions.run(one, _component(action))) == 1
    assert one.changes == []
