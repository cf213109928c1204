"""Each provider on a sample machine: what identifies it is gone, and nothing else changed."""

from __future__ import annotations

import re

from reseal.providers import Provider
from reseal.providers.plugins import own
from reseal.session import Mark, Session, VolumeState
from reseal.testing.machine import Machine
from reseal.windows import setup
from reseal.windows.identity import COMPUTER_NAME, CRYPTOGRAPHY, TCPIP
from tests.builders import difference, session, state

CRYPTO = r"ProgramData\Microsoft\Crypto\RSA\MachineKeys"


def _run(name: str, one: Session) -> set[str]:
    """Run a provider; returns every registry path that changed."""
    before = state(one)
    found = next(each for each in own() if each.id == name)
    found(one)
    one.verify()
    return difference(before, state(one))


def test_every_provider_says_what_it_does_and_how_that_is_known() -> None:
    assert len({one.id for one in own()}) == len(own())
    for one in own():
        assert isinstance(one, Provider)
        assert one.mark in Mark
        assert len(one.source) > 20
        assert len(one.description) > 100
        assert not one.title.endswith(".")


def test_machine_sid_leaves_setupcls_request_and_nothing_more() -> None:
    one = session(Machine(setupexecute=("other.exe",), control_sets=(1, 2)))
    changed = _run("machine-sid", one)
    request = one.registry.key(setup.PENDING_REQUEST)
    assert request
    assert {(value.name, value.decoded) for value in request.values()} == {("OperationFlags", 4)}
    key = one.registry.key(setup.SETUPCL)
    assert key
    assert list(key.values()) == []
    assert changed == {
        r"SYSTEM\Setup\SetupCl\BlockOperations",
        r"SYSTEM\Setup\SetupCl\ExecutionSuccessful",
        r"SYSTEM\Setup\SetupCl\NTSTATUS",
        r"SYSTEM\Setup\SetupCl\HiveTime",
        "SYSTEM\\Setup\\SetupCl\\PendingRequest\\",
        r"SYSTEM\Setup\SetupCl\PendingRequest\OperationFlags",
        r"SYSTEM\ControlSet001\Control\Session Manager\SETUPEXECUTE",
        r"SYSTEM\ControlSet002\Control\Session Manager\SETUPEXECUTE",
    }
    for control_set in ("ControlSet001", "ControlSet002"):
        manager = rf"HKLM\SYSTEM\{control_set}\Control\Session Manager"
        assert one.registry.value(manager, "SETUPEXECUTE") == ["setupcl.exe", "other.exe"]


def test_setupcl_is_started_once() -> None:
    manager = {
        "SETUPEXECUTE": ["other.exe"],
        "SETUPEXECUTENOPNPSYNC": ["SetupCl.exe", "another.exe"],
    }
    one = session(Machine(system={"ControlSet001": {"Control": {"Session Manager": manager}}}))
    _run("machine-sid", one)
    path = r"HKLM\SYSTEM\ControlSet001\Control\Session Manager"
    assert one.registry.value(path, "SETUPEXECUTE") == ["setupcl.exe", "other.exe"]
    assert one.registry.value(path, "SETUPEXECUTENOPNPSYNC") == ["another.exe"]


def test_an_older_request_is_replaced_whole() -> None:
    request = {"OperationFlags": 0x205, "SidAccountDomainNew": b"x", "Sub": {"a": 1}}
    one = session(Machine(system={"Setup": {"SetupCl": {"PendingRequest": request}}}))
    _run("machine-sid", one)
    key = one.registry.key(setup.PENDING_REQUEST)
    assert key
    assert [(value.name, value.decoded) for value in key.values()] == [("OperationFlags", 4)]
    assert list(key.subkeys()) == []


def test_computer_name_is_replaced_in_every_control_set() -> None:
    one = session(Machine(control_sets=(1, 2)))
    changed = _run("computer-name", one)
    assert len(changed) == 7
    assert "SECURITY\\Policy\\PolAcDmN\\" in changed
    for control_set in ("ControlSet001", "ControlSet002"):
        names = {
            one.registry.text(
                COMPUTER_NAME.replace("CurrentControlSet", control_set), "ComputerName"
            ),
            one.registry.text(TCPIP.replace("CurrentControlSet", control_set), "Hostname"),
            one.registry.text(TCPIP.replace("CurrentControlSet", control_set), "NV Hostname"),
        }
        assert len(names) == 1
        assert re.fullmatch(r"WIN-[A-Z0-9]{11}", names.pop() or "")


def test_mounted_devices_go_and_the_key_stays() -> None:
    one = session()
    changed = _run("mounted-devices", one)
    assert changed == {
        r"SYSTEM\MountedDevices\\DosDevices\C:",
        r"SYSTEM\MountedDevices\\??\Volume{c5e31a3c-0000-0000-0000-100000000000}",
    }
    assert one.registry.key(r"HKLM\SYSTEM\MountedDevices") is not None


def test_the_letter_of_a_system_on_another_drive_stays_and_is_said() -> None:
    one = session(Machine(drive="D:"))
    changed = _run("mounted-devices", one)
    assert changed == {r"SYSTEM\MountedDevices\\??\Volume{c5e31a3c-0000-0000-0000-100000000000}"}
    assert any("D:" in note for note in one.notes)


def test_dhcpv6_duid_goes() -> None:
    one = session(Machine(control_sets=(1, 3)))
    assert _run("dhcpv6-duid", one) == {
        r"SYSTEM\ControlSet001\Services\Tcpip6\Parameters\Dhcpv6DUID",
        r"SYSTEM\ControlSet003\Services\Tcpip6\Parameters\Dhcpv6DUID",
    }


def test_machine_guid_is_new_and_its_key_files_are_renamed_with_it() -> None:
    one = session()
    old = Machine().machine_guid
    assert _run("machine-guid", one) == {r"SOFTWARE\Microsoft\Cryptography\MachineGuid"}
    new = one.registry.text(CRYPTOGRAPHY, "MachineGuid")
    assert new
    assert new != old
    names = [entry.name for entry in one.files.list(CRYPTO)]
    assert len(names) == 3
    assert all(name.endswith(f"_{new}") for name in names)
    assert all(one.files.read(rf"{CRYPTO}\{name}") == b"key" for name in names)


def test_network_list_is_empty_and_its_keys_stay() -> None:
    one = session()
    _run("network-list", one)
    base = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\NetworkList"
    for name in ("Profiles", r"Signatures\Managed", r"Signatures\Unmanaged"):
        key = one.registry.key(rf"{base}\{name}")
        assert key is not None
        assert list(key.subkeys()) == []


def test_event_logs_go() -> None:
    one = session()
    assert _run("event-logs", one) == set()
    assert one.files.list(r"Windows\System32\winevt\Logs") == []


def test_logs_of_setup_go_and_answer_files_stay() -> None:
    one = session()
    _run("setup-logs", one)
    assert [entry.name for entry in one.files.list(r"Windows\Panther")] == [
        "unattend.xml",
        "UnattendGC",
    ]
    assert one.files.list(r"Windows\Panther\UnattendGC") == []
    assert [entry.name for entry in one.files.list(r"Windows\inf")] == ["oem0.inf"]


def test_restore_points_ask_for_the_shadow_copies_of_the_volume() -> None:
    shadowed = VolumeState(dirty=False, log_clean=True, hibernation="none", shadow_copies=2)
    one = session(volume_state=shadowed)
    _run("restore-points", one)
    assert one.discard_shadow_copies
    assert [change.kind for change in one.changes] == ["discard_shadow_copies"]
    without = session()
    _run("restore-points", without)
    assert not without.discard_shadow_copies


def test_page_files_and_old_hives_go() -> None:
    one = session(Machine(files={"Windows": {"System32": {"config": {"SYSTEM.old": b"regf"}}}}))
    _run("page-files", one)
    _run("old-hives", one)
    assert one.files.stat("pagefile.sys") is None
    assert one.files.list(r"Windows\System32\config\RegBack") == []
    assert one.files.stat(r"Windows\System32\config\SYSTEM.old") is None
    assert one.files.stat(r"Windows\System32\config\SYSTEM") is not None


def test_a_machine_without_any_of_it_is_left_alone() -> None:
    """What is absent is silently fine, for every provider but the SID request and the name."""
    empty = Machine(
        files={
            "Windows": {
                "Panther": None,
                "inf": None,
                "System32": {"winevt": None, "Sysprep": None},
            },
            "ProgramData": None,
            "pagefile.sys": None,
            "swapfile.sys": None,
        },
        software={
            "Microsoft": {
                "Cryptography": None,
                "Windows Advanced Threat Protection": None,
                "Windows NT": {"CurrentVersion": {"NetworkList": None}},
            },
            "WOW6432Node": None,
        },
        system={"MountedDevices": None, "ControlSet001": {"Services": {"Tcpip6": None}}},
    )
    empty.files["Windows"]["System32"]["config"] = {"RegBack": None}
    one = session(empty)
    for each in own():
        if each.id not in {"machine-sid", "computer-name"}:
            each(one)
    assert one.changes == []
