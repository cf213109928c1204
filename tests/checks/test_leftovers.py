"""What a build or an upgrade leaves in an image, and programs that an image lacks."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import pytest

from reseal.checks import CHECKS, Finding, Level
from reseal.checks.cached_answers import GIVEN
from reseal.customize.outputs import Outputs
from reseal.customize.run import Customization
from reseal.customize.shared import Run
from reseal.customize.steps import STEPS
from reseal.errors import CheckError
from reseal.proof.verification import verify
from reseal.report.verification import verification
from reseal.run.opening import Found
from reseal.sysprep.generalize import generalize
from reseal.testing.machine import Machine
from reseal.windows import setup
from tests.builders import effect, session, step_effect
from tests.checks.problems import merged

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


def _microsoft(path: str, values: dict[str, Any]) -> dict[str, Any]:
    return _software(rf"Microsoft\Windows\CurrentVersion\{path}", values)


#: An option in a hint, and one argument: in quotes, or a word.
OPTION = re.compile(r"--[a-z-]+")
ARGUMENT = re.compile(r"\s+(?:'([^']*)'|([^\s'.,;]+))")
ARGUMENTS = {"--reg-set": 4, "--autologon-off": 0, "--reset-addresses": 0}


def _options(hint: str | None) -> list[tuple[str, ...]]:
    """The options of customize in a hint, each with its arguments."""
    text, found = hint or "", []
    for option in OPTION.finditer(text):
        words, at = [option[0]], option.end()
        for _ in range(ARGUMENTS.get(option[0], 1)):
            argument = ARGUMENT.match(text, at)
            assert argument, text
            words.append(argument[1] or argument[2])
            at = argument.end()
        found.append(tuple(words))
    return found


def _cure(name: str, machine: Machine, **options: Any) -> list[Finding]:
    """What a check finds after all options that its hints name; a second time they change nothing."""
    one = session(machine, **options)
    for finding in BY_ID[name](one):
        for option, *words in _options(finding.hint):
            step = STEPS[option.removeprefix("--")]
            Customization([step.parse(tuple(words), option, Path())]).stage(one)
            changes = len(one.changes)
            if option != "--remove-user":  # an account that is gone can't be named again
                Customization([step.parse(tuple(words), option, Path())]).stage(one)
            assert len(one.changes) == changes, option
    assert one.changes
    return BY_ID[name](one)


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
    "run once, by 32-bit programs": (
        _software(r"WOW6432Node\Microsoft\Windows\CurrentVersion\RunOnce", {"build": "hush"}),
        "build",
    ),
    "run once, default value": (
        _microsoft("RunOnce", {"": "hush"}),
        "(default)",
    ),
    "pre oobe": (_system(r"Setup\FirstBoot\PreOOBE", {"0": "hush"}), "PreOOBE"),
    "task sequence": (
        {"files": {"_SMSTaskSequence": {"TSEnv.dat": b"hush"}}},
        r"C:\_SMSTaskSequence",
    ),
    "MDT": ({"files": {"MININT": {"SMSOSD": {}}}}, r"C:\MININT"),
    "OOBE's account": ({"users": ("Alice", "defaultuser0")}, "defaultuser0"),
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


@pytest.mark.parametrize("machine", [case for case, _ in CASES.values()], ids=list(CASES))
def test_the_options_in_the_hint_remove_what_a_build_left(machine: dict[str, Any]) -> None:
    [one] = _cure("build-leftovers", Machine(**machine))
    assert one.level is Level.OK


def test_the_password_in_lsa_counts_where_someone_logs_on() -> None:
    """Finished installations of Windows 8.1 and 10 have the secret without an automatic logon (seen)."""
    for on, level in (("1", Level.WARNING), ("0", Level.OK)):
        one = session(Machine(**_software(WINLOGON, {"AutoAdminLogon": on})))
        one.set_value(r"HKLM\SECURITY\Policy\Secrets\DefaultPassword\CurrVal", "", 0, b"x")
        [finding] = BY_ID["build-leftovers"](one)
        assert finding.level is level
        assert (level is Level.OK) != ("secret of LSA" in finding.message)
        STEPS["autologon-off"].run(Run(one, Outputs()), None)
        assert one.registry.key(r"HKLM\SECURITY\Policy\Secrets\DefaultPassword") is None


HARMLESS: list[dict[str, Any]] = [
    _software(WINLOGON, {"AutoAdminLogon": "0", "DefaultUserName": "builder"}),
    _software(WINLOGON, {"AutoAdminLogon": ""}),
    _software(r"Microsoft\Windows\CurrentVersion\OOBE", {"SkipMachineOOBE": 0}),
    _software(r"Microsoft\Windows\CurrentVersion\RunOnce", {}),
    # Empty keys are seen in a finished installation.
    _system("Setup", {r"FirstBoot\PreSysPrep": {}, r"FirstBoot\PostSysPrep": {}}),
    _system(r"Setup\FirstBoot\OnError", {"0": "SetupPlatform.exe /onerror"}),
    {"files": {"MININT": b"a file"}},
    {"users": ("defaultuser",)},
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


SHELL = "Microsoft-Windows-Shell-Setup"
ACCOUNT = (
    "<UserAccounts><LocalAccounts><LocalAccount><Name>builder</Name><Password><Value>hush</Value>"
    "<PlainText>true</PlainText></Password></LocalAccount></LocalAccounts></UserAccounts>"
)
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
    ACCOUNT: "creates the account builder and holds 1 password",
    ACCOUNT.replace("true", "false"): "creates the account builder and holds 1 password",
    ACCOUNT.replace("hush", "*SENSITIVE*DATA*DELETED*"): None,
    "<AutoLogon><Password><Value>hush</Value></Password></AutoLogon>": "holds 1 password",
    "<RunSynchronous><RunSynchronousCommand><Path>net user x hush</Path></RunSynchronousCommand>"
    "</RunSynchronous>": "holds 1 password that anyone can read and runs 1 command in Setup",
    "<TimeZone>UTC</TimeZone>": None,
}


def _answers(content: str, *, done: str = "") -> bytes:
    return (
        f'<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="specialize"{done}>'
        f'<component name="{SHELL}">{content}</component></settings></unattend>'
    ).encode()


def _at(path: str, data: bytes) -> dict[str, Any]:
    files: Any = data
    for part in reversed(path.split("\\")):
        files = {part: files}
    return {"files": files}


@pytest.mark.parametrize("content", ANSWERS)
@pytest.mark.parametrize("folder", ["Panther", r"Panther\Unattend"])
@pytest.mark.parametrize("done", ["", ' wasPassProcessed="true"'])
def test_a_cached_answer_file_that_makes_copies_alike(content: str, folder: str, done: str) -> None:
    machine = _at(rf"Windows\{folder}\unattend.xml", _answers(content, done=done))
    [one] = _found("cached-answers", **machine)
    said = ANSWERS[content]
    assert one.level == (Level.WARNING if said else Level.OK)
    assert "hush" not in repr(one)
    if said is not None:
        assert said in one.message
        assert "unattend.xml is used again (specialize)" in one.message.lower()
        assert "--drop-cached-unattend" in str(one.hint)
        [one] = _cure_of_first(Machine(**machine))
        assert one.level is Level.OK


def _cure_of_first(machine: Machine) -> list[Finding]:
    one = session(machine)
    step = STEPS["drop-cached-unattend"]
    Customization([step.parse((), "--drop-cached-unattend", Path())]).stage(one)
    return BY_ID["cached-answers"](one)


def test_only_the_file_that_windows_uses_for_a_pass_is_said() -> None:
    first = _answers("<TimeZone>UTC</TimeZone>")
    files: dict[str, Any] = {"Panther": {
        "Unattend": {"Unattend.xml": first},
        "unattend.xml": _answers("<ComputerName>BUILDBOX</ComputerName>"),
    }}  # fmt: skip
    [one] = _found("cached-answers", files={"Windows": files})
    assert one.level is Level.OK
    # Done in the first one, so Windows takes the second.
    files["Panther"]["Unattend"]["Unattend.xml"] = _answers(
        "<TimeZone>UTC</TimeZone>", done=' wasPassProcessed="true"'
    )
    [one] = _found("cached-answers", files={"Windows": files})
    assert "names every copy BUILDBOX" in one.message


def test_a_file_outside_panther_is_deleted_by_its_path() -> None:
    machine = Machine(**_at("Unattend.xml", _answers("<ComputerName>BUILDBOX</ComputerName>")))
    [one] = BY_ID["cached-answers"](session(machine))
    assert r"--delete 'C:\Unattend.xml'" in str(one.hint)


def test_an_answer_file_of_the_run_takes_the_place_of_the_cached_one() -> None:
    machine = _at(r"Windows\Panther\unattend.xml", _answers("<ComputerName>A</ComputerName>"))
    one = session(Machine(**machine), switches=frozenset({GIVEN}))
    [finding] = BY_ID["cached-answers"](one)
    assert finding.level is Level.OK


# Accounts named with the computer

NAME = Machine().computer_name
SERVICE = {"ImagePath": "sync.exe", "Start": 2}


def _service(account: str) -> dict[str, Any]:
    return _system(r"ControlSet001\Services\Sync", SERVICE | {"ObjectName": account})


@pytest.mark.parametrize(
    ("account", "level", "after"),
    [
        (rf"{NAME}\Alice", "note", r".\Alice"),
        (rf"{NAME.lower()}\ALICE", "note", r".\ALICE"),
        (rf"{NAME}\nobody", "warning", rf"{NAME}\nobody"),
        (r".\Alice", "ok", r".\Alice"),
        (r"CORP\Alice", "ok", r"CORP\Alice"),
        (r"NT AUTHORITY\LocalService", "ok", r"NT AUTHORITY\LocalService"),
        ("LocalSystem", "ok", "LocalSystem"),
    ],
)
def test_a_service_keeps_its_account_under_any_computer_name(
    account: str, level: str, after: str
) -> None:
    [one] = _found("account-names", **_service(account))
    assert one.level == level
    assert level == "ok" or f"Sync ({account})" in one.message
    done = effect("account-names", Machine(**_service(account)))
    path = r"SYSTEM\ControlSet001\Services\Sync\ObjectName"
    assert done.changes == ({path} if after != account else set())
    assert done.after.registry.text(rf"HKLM\{path.rpartition(chr(92))[0]}", "ObjectName") == after


@pytest.mark.parametrize(("domain", "after"), [(NAME, "."), ("CORP", "CORP"), ("", "")])
def test_automatic_logon_keeps_its_account_under_any_computer_name(domain: str, after: str) -> None:
    machine = Machine(**_software(WINLOGON, {"DefaultDomainName": domain}))
    [one] = BY_ID["account-names"](session(machine))
    assert one.level == ("note" if domain == NAME else "ok")
    done = effect("account-names", machine)
    assert done.after.registry.text(rf"HKLM\SOFTWARE\{WINLOGON}", "DefaultDomainName") == after
    assert len(done.changes) == (domain == NAME)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8"])
@pytest.mark.parametrize(
    ("user", "named"),
    [(rf"{NAME}\Alice", True), (r"CORP\Alice", False), ("S-1-5-18", False), ("Alice", False)],
)
def test_a_task_that_runs_as_an_account_named_with_the_computer(
    user: str, named: bool, encoding: str
) -> None:
    task = f"<Task><Author>{NAME}\\Alice</Author><UserId>{user}</UserId></Task>".encode(encoding)
    [one] = _found("account-names", **_at(r"Windows\System32\Tasks\Corp\Sync", task))
    assert one.level == ("warning" if named else "ok")
    assert one.items == ((rf"Corp\Sync ({user})",) if named else ())


def test_the_accounts_are_named_before_the_computer_gets_another_name() -> None:
    one = session(Machine(**_service(rf"{NAME}\Alice")))
    generalize(one)
    key = r"HKLM\SYSTEM\ControlSet001\Services\Sync"
    assert one.registry.text(key, "ObjectName") == r".\Alice"


# Write filters, servers of the builder's network


@pytest.mark.parametrize(
    ("services", "said"),
    [
        ({"uwfvol": {"ImagePath": "x", "Start": 0, r"Parameters\Static\Copy1": {"UwfEnabled": 1}}},
         "Unified Write Filter is on"),
        ({"uwfvol": {"ImagePath": "x", "Start": 0, r"Parameters\Static\Copy0": {"UwfEnabled": 0}}}, None),
        ({"uwfvol": {"ImagePath": "x", "Start": 4, r"Parameters\Static\Copy0": {"UwfEnabled": 1}}}, None),
        ({"ewf": {"ImagePath": "x", "Start": 0}}, "The Enhanced Write Filter is installed"),
        ({"fbwf": {"ImagePath": "x", "Start": 0}}, "The File-Based Write Filter is installed"),
        ({"DeepFrz": {"ImagePath": "x", "Start": 0}}, "Deep Freeze is installed"),
        ({"DeepFrz": {"ImagePath": "x", "Start": 4}}, None),
        ({"diskpt": {"Start": 0}}, None),
    ],
)  # fmt: skip
def test_a_write_filter(services: dict[str, Any], said: str | None) -> None:
    [one] = _found("write-filters", **_system(r"ControlSet001\Services", services))
    assert one.level == (Level.WARNING if said else Level.OK)
    assert said is None or said in one.message


def _winhttp(proxy: bytes, flags: int = 3, length: int | None = None) -> dict[str, Any]:
    head = struct.pack("<IIII", 0x18, 0, flags, len(proxy) if length is None else length)
    return _microsoft(
        r"Internet Settings\Connections", {"WinHttpSettings": head + proxy + bytes(4)}
    )


PROXY = {"ProxyEnable": 1, "ProxyServer": "http://me:hush@proxy:3128"}
UPDATES = r"Policies\Microsoft\Windows\WindowsUpdate"
SERVERS: dict[str, tuple[dict[str, Any], str | None]] = {
    "wsus": (_software(UPDATES, {"WUServer": "http://wsus:8530", "AU": {"UseWUServer": 1}}), "http://wsus:8530"),
    "wsus, not used": (_software(UPDATES, {"WUServer": "http://wsus:8530"}), None),
    "updates without a server": (_software(UPDATES, {"AU": {"UseWUServer": 1, "NoAutoUpdate": 1}}), None),
    "winhttp": (_winhttp(b"me:hush@proxy:3128"), "proxy:3128"),
    "winhttp, direct": (_winhttp(b"", flags=1), None),
    "winhttp, torn": (_winhttp(b"proxy", length=1 << 31), None),
    "for all users": (_microsoft("Internet Settings", PROXY), "proxy:3128"),
    "switched off": (_microsoft("Internet Settings", PROXY | {"ProxyEnable": 0}), None),
    "a script": (_microsoft("Internet Settings", {"AutoConfigURL": "http://wpad/x.pac"}), "wpad/x.pac"),
    "a variable": (
        _system(r"ControlSet001\Control\Session Manager\Environment", {"HTTPS_PROXY": "me:hush@proxy:1"}),
        "proxy:1",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("machine", "said"), SERVERS.values(), ids=list(SERVERS))
def test_a_server_of_the_builder(machine: dict[str, Any], said: str | None) -> None:
    [one] = _found("builder-servers", **machine)
    assert one.level == (Level.WARNING if said else Level.OK)
    assert "hush" not in repr(one)
    if said is not None:
        assert said in one.message
        [one] = _cure("builder-servers", Machine(**machine))
        assert one.level is Level.OK


# Addresses in VM mode

ADAPTER = "{4F2A1B3C-1111-4222-8333-0123456789AB}"
CLASS = r"ControlSet001\Control\Class\{4d36e972-e325-11ce-bfc1-08002be10318}\0001"
INTERFACES = r"ControlSet001\Services\Tcpip\Parameters\Interfaces"
FIXED = {"EnableDHCP": 0, "IPAddress": ["192.0.2.25"], "SubnetMask": ["255.255.255.0"],
         "DefaultGateway": ["192.0.2.1"], "NameServer": "192.0.2.53"}  # fmt: skip
VIRTUAL = {"HardwareConfig": {"LastConfig": "{1}", "{1}": {"SystemManufacturer": "QEMU"}}}
VM = frozenset({"mode:vm"})


def _adapter(interface: dict[str, Any], **values: str) -> Machine:
    system = merged(
        _system(CLASS, {"NetCfgInstanceId": ADAPTER} | values)["system"],
        _system(rf"{INTERFACES}\{ADAPTER}", interface)["system"],
    )
    return Machine(system=system | VIRTUAL)


@pytest.mark.parametrize(
    ("machine", "items"),
    [
        (_adapter(FIXED, NetworkAddress="0A1B2C3D4E5F"), ("192.0.2.25", "0A1B2C3D4E5F")),
        (_adapter(FIXED), ("192.0.2.25",)),
        (_adapter({"EnableDHCP": 1}, NetworkAddress="0A1B2C3D4E5F"), ("0A1B2C3D4E5F",)),
        (_adapter(FIXED | {"EnableDHCP": 1}), ()),
        (_adapter({"EnableDHCP": 0, "IPAddress": ["0.0.0.0"]}), ()),
        # An interface whose adapter is gone.
        (Machine(system=_system(INTERFACES, {ADAPTER: FIXED})["system"] | VIRTUAL), ()),
    ],
)
def test_addresses_that_vm_mode_would_keep(machine: Machine, items: tuple[str, ...]) -> None:
    [one] = BY_ID["vm-mode"](session(machine, switches=VM))
    assert one.items == items
    assert one.level == (Level.WARNING if items else Level.OK)
    [one] = BY_ID["vm-mode"](session(machine))
    assert one.level is Level.OK
    if items:
        [one] = _cure("vm-mode", machine, switches=VM)
        assert one.level is Level.OK


def test_reset_addresses_changes_only_the_addresses() -> None:
    done = step_effect("reset-addresses", machine=_adapter(FIXED, NetworkAddress="0A1B2C3D4E5F"))
    interface = rf"SYSTEM\{INTERFACES}\{ADAPTER}"
    assert done.changes == {
        rf"SYSTEM\{CLASS}\NetworkAddress",
        *(rf"{interface}\{name}" for name in FIXED if name != "NameServer"),
    }
    assert done.after.registry.number(rf"HKLM\{interface}", "EnableDHCP") == 1


def test_vm_mode_is_recorded_where_specialize_reads_it() -> None:
    one = session(_adapter({}), switches=VM)
    generalize(one)
    assert one.registry.value(setup.SYSPREP_REGISTRY, "SysprepMode") == "vm"
    other = session(_adapter({}))
    generalize(other)
    assert other.registry.value(setup.SYSPREP_REGISTRY, "SysprepMode") is None


def test_verify_warns_of_what_the_build_left() -> None:
    logon = {"AutoAdminLogon": "1", "DefaultUserName": "builder", "DefaultPassword": "plain-text"}
    machine = Machine(**_software(r"Microsoft\Windows NT\CurrentVersion\Winlogon", logon))
    record = verify(Found(session(machine).installation), None)
    [one] = record["leftovers"]
    shown = list(verification(record, verbose=False))
    place = shown.index(f"Warning: {one['message']}")
    assert shown[place + 1] == f"  What to do: {one['hint']}"
    assert "--autologon-off" in one["hint"]
    assert not any("plain-text" in line for line in shown)
    healthy = verify(Found(session().installation), None)
    assert healthy["leftovers"] == []
    assert not any("Warning" in line for line in verification(healthy, verbose=False))
