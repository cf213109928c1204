"""Making answer files from answers: valid, with hidden passwords."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from reseal.answerfile import (
    AnswerFile,
    Answers,
    DomainJoin,
    Level,
    NewAccount,
    NewInterface,
    Secret,
    check,
    formatted,
    make,
    product_keys,
    schema,
    show,
)
from reseal.answerfile.answers import FullSetup, WirelessNetwork
from reseal.answerfile.assignment import Assignment, assigned, completions
from reseal.answerfile.secrets import unhide
from reseal.errors import UsageError

FULL = Answers(
    computer_name="PC-1",
    owner="A & B <c>",
    organization="Contoso",
    locale="de-DE",
    language="en-US",
    keyboard="0407:00000407",
    time_zone="W. Europe Standard Time",
    product_key=Secret("W269N-WFGWX-YVC9B-4J6C9-T83GX"),
    administrator_password=Secret("geheim"),
    accounts=(NewAccount("bob", Secret("hunter2"), ("Administrators", "Users"), "Bob B."),),
    logon="bob",
    logon_count=2,
    domain=DomainJoin("example.org", "LAB\\adm", Secret("pw"), "OU=Lab,DC=example"),
    interfaces=(
        NewInterface(
            "Ethernet",
            ("192.0.2.10/24", "2001:db8::1/64"),
            "192.0.2.1",
            ("192.0.2.53",),
            "example.org",
        ),
    ),
    commands=("cmd /c echo hello", "powershell -File C:\\x.ps1"),
    audit=True,
    copy_profile=True,
)


@pytest.mark.parametrize("architecture", ["x86", "amd64", "arm64"])
def test_a_full_file_has_no_errors_and_no_warnings(architecture: str) -> None:
    made = make(FULL, architecture)

    assert [f for f in check(made) if f.level is not Level.NOTE] == []
    assert {component.architecture for component in made.components()} == {architecture}
    assert formatted(made).to_bytes() == made.to_bytes()
    etree.fromstring(made.to_bytes())


def test_what_a_full_file_does() -> None:
    assert [step.text for shown in show(make(FULL)) for step in shown.steps] == [
        'The computer is named "PC-1".',
        "The profile of the built-in Administrator becomes the default profile of new users.",
        "Windows gets the product key that ends in T83GX.",
        'Windows is registered to the organization "Contoso".',
        'Windows is registered to "A & B <c>".',
        'The time zone is "W. Europe Standard Time".',
        'The keyboard is "0407:00000407".',
        'Programs without Unicode use the locale "de-DE".',
        'The language of Windows is "en-US".',
        'Dates, numbers and currency follow "de-DE".',
        'The network interface "Ethernet" gets 192.0.2.10/24, 2001:db8::1/64.',
        'From "Ethernet", "0.0.0.0/0" is reached by "192.0.2.1".',
        '"Ethernet" asks the DNS servers 192.0.2.53.',
        (
            'The machine joins the domain "example.org" with the credentials of "adm", in '
            '"OU=Lab,DC=example".'
        ),
        'The keyboard is "0407:00000407".',
        'Programs without Unicode use the locale "de-DE".',
        'The language of Windows is "en-US".',
        'Dates, numbers and currency follow "de-DE".',
        '"bob" logs on automatically 3 times.',
        "1. Runs at the first logon: cmd /c echo hello",
        "2. Runs at the first logon: powershell -File C:\\x.ps1",
        "The licence terms are not shown.",
        "The page for a Microsoft account is not shown.",
        "The page for wireless networks is not shown.",
        'The page on protection and updates is answered with "3".',
        "The built-in Administrator gets a password (hidden).",
        (
            'There is an account "bob", a member of Administrators and Users, with a password '
            "(hidden)."
        ),
        "Windows is resealed for audit mode, and the machine is restarted.",
    ]


def test_passwords_are_hidden_rightly() -> None:
    made = make(FULL)
    elements = [s for s in made.settings() if s.child("PlainText")]

    assert [(s.name, unhide(s.text_of("Value"), s.name)) for s in elements] == [
        ("Password", "hunter2"),
        ("AdministratorPassword", "geheim"),
        ("Password", "hunter2"),
    ]
    assert b"hunter2" not in made.to_bytes()
    assert "hunter2" not in repr(FULL)


def test_an_empty_file_is_valid() -> None:
    made = make(Answers(hide_pages=False))

    assert made.passes == ()
    assert check(made) == []


_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn")), max_size=30)


@settings(max_examples=50, deadline=None)
@given(_TEXTS, _TEXTS, _TEXTS)
def test_any_text_comes_back(owner: str, password: str, command: str) -> None:
    made = make(Answers(owner=owner, administrator_password=Secret(password), commands=(command,)))
    values = {setting.path: setting.value for setting in made.settings()}

    assert values.get("RegisteredOwner", "") == owner
    assert values["FirstLogonCommands/SynchronousCommand/CommandLine"] == command
    value = values["UserAccounts/AdministratorPassword/Value"]
    assert unhide(value, "AdministratorPassword") == password


# What image builders write by hand


def values(made: AnswerFile, name: str = "") -> dict[str, str]:
    """The leaves of a file by their paths, of one pass or of all."""
    return {
        one.path: one.text
        for one in made.settings()
        if not one.children and name in {"", one.pass_name}
    }


def clean(answers: Answers) -> AnswerFile:
    """A file that is made without a finding."""
    made = make(answers)
    assert [f for f in check(made) if f.rule != "retired-setting"] == []
    return made


def test_the_pass_generalize() -> None:
    made = clean(Answers(persist_devices=True, keep_absent_devices=True, skip_rearm=True))

    assert values(made, "generalize") == {
        "DoNotCleanUpNonPresentDevices": "true",
        "PersistAllDeviceInstalls": "true",
        "SkipRearm": "1",
    }


def test_generalizing_in_audit_mode_and_commands_of_any_pass() -> None:
    run = (("auditUser", "cmd /c a"), ("specialize", "cmd /c b"), ("auditUser", "cmd /c c"))
    made = clean(Answers(audit=True, generalize=True, run=run))
    commands = [
        (one.pass_name, one.text_of("Order"), one.text_of("Path"))
        for one in made.settings()
        if one.name == "RunSynchronousCommand"
    ]

    assert commands == [
        ("specialize", "1", "cmd /c b"),
        ("auditUser", "1", "cmd /c a"),
        ("auditUser", "2", "cmd /c c"),
    ]
    assert values(made, "auditUser")["Generalize/Mode"] == "OOBE"


def test_exactly_one_automatic_logon() -> None:
    account = NewAccount("bob", Secret("pw"), ("Users",))
    made = clean(Answers(accounts=(account,), logon="bob", once=True, commands=("notepad",)))
    lines = [one.text for one in made.settings() if one.name == "CommandLine"]

    assert values(made)["AutoLogon/LogonCount"] == "1"
    assert "AutoLogonCount" in lines[0]
    assert lines[1:] == ["notepad"]
    said = [step.text for shown in show(made) for step in shown.steps]
    assert '"bob" logs on automatically once.' in said


def test_remote_desktop_and_the_firewall() -> None:
    made = clean(Answers(remote_desktop=True, firewall_groups=("File and Printer Sharing",)))
    groups = [one.text for one in made.settings() if one.path.endswith("FirewallGroup/Group")]

    assert values(made)["fDenyTSConnections"] == "false"
    assert values(made)["UserAuthentication"] == "1"
    assert groups == ["@FirewallAPI.dll,-28752", "File and Printer Sharing"]


@pytest.mark.parametrize(
    ("gateways", "routes", "expected"),
    [
        (("192.0.2.1",), (), [("0.0.0.0/0", "192.0.2.1")]),
        (
            ("192.0.2.1", "2001:db8::1"),
            (),
            [("0.0.0.0/0", "192.0.2.1"), ("::/0", "2001:db8::1")],
        ),
        (("192.0.2.1", "192.0.2.2"), (), [("0.0.0.0/0", "192.0.2.1"), ("0.0.0.0/0", "192.0.2.2")]),
        ((), (("10.0.0.0/8", "192.0.2.3"),), [("10.0.0.0/8", "192.0.2.3")]),
    ],
)
def test_every_gateway_and_route_is_kept(
    gateways: tuple[str, ...],
    routes: tuple[tuple[str, str], ...],
    expected: list[tuple[str, str]],
) -> None:
    interface = NewInterface(
        "Ethernet", ("192.0.2.10/24", "2001:db8::10/64"), gateways=gateways, routes=routes
    )
    made = clean(Answers(interfaces=(interface,)))
    found = [
        (one.text_of("Identifier"), one.text_of("Prefix"), one.text_of("NextHopAddress"))
        for one in made.settings()
        if one.name == "Route"
    ]

    assert found == [(str(n), prefix, hop) for n, (prefix, hop) in enumerate(expected)]


@pytest.mark.parametrize("firmware", ["uefi", "bios"])
@pytest.mark.parametrize("image", ["Windows 11 Pro", "4", ""])
def test_a_file_for_windows_setup(firmware: str, image: str) -> None:
    key = product_keys.keys()["Windows 11 Pro"]
    made = clean(
        Answers(
            locale="en-US",
            fallback_language="en-GB",
            keyboard="0409:00000409;0407:00000407",
            product_key=Secret(key),
            owner="Me",
            setup=FullSetup(firmware, 0, image),
            run=(("windowsPE", "cmd /c x"),),
        )
    )
    found = values(made, "windowsPE")

    assert found["UserData/ProductKey/Key"] == key
    assert found["UserData/AcceptEula"] == "true"
    assert found["InputLocale"] == "0409:00000409;0407:00000407"
    assert found["UILanguageFallback"] == "en-GB"
    assert found["DiskConfiguration/Disk/WillWipeDisk"] == "true"
    metadata = found.get("ImageInstall/OSImage/InstallFrom/MetaData/Key")
    assert metadata == {"4": "/IMAGE/INDEX", "": None}.get(image, "/IMAGE/NAME")


@pytest.mark.parametrize("password", ["", "p&<>|^\"'%w d!", "12345678"])
@pytest.mark.parametrize("name", ["Home", "My & <Net>", "Größe", "a%b"])
def test_a_wireless_network(name: str, password: str) -> None:
    network = WirelessNetwork(name, Secret(password) if password else None)
    made = make(Answers(wireless=network))
    paths = [one.text for one in made.settings() if one.name == "Path"]
    written = [line.split(" echo ", 1)[1] for line in paths if " echo " in line]
    # What cmd's echo makes of it: a caret takes its meaning from the character after it.
    profile = "\n".join(re.sub(r"\^(.)", r"\1", line) for line in written)
    root = etree.fromstring(profile)

    space = {"w": "http://www.microsoft.com/networking/WLAN/profile/v1"}
    assert root.findtext("w:name", namespaces=space) == name
    assert bytes.fromhex(root.findtext(".//w:hex", "", namespaces=space)).decode() == name
    assert (root.findtext(".//w:keyMaterial", namespaces=space) or "") == password
    assert all(len(path) <= 259 for path in paths)
    assert "netsh.exe wlan add profile" in paths[-2]
    assert {f.rule for f in check(made)} == ({"plain-text-secret"} if password else set())
    assert not [
        step.text for one in show(made) for step in one.steps if password and password in step.text
    ]


@pytest.mark.parametrize(
    ("days", "attempts", "expected"),
    [
        (0, None, ["net.exe accounts /maxpwage:unlimited"]),
        (42, None, ["net.exe accounts /maxpwage:42"]),
        (None, 0, ["net.exe accounts /lockoutthreshold:0"]),
        (90, 5, ["net.exe accounts /maxpwage:90", "net.exe accounts /lockoutthreshold:5"]),
    ],
)
def test_password_policies(days: int | None, attempts: int | None, expected: list[str]) -> None:
    made = clean(Answers(password_days=days, lockout_attempts=attempts))

    assert [one.text for one in made.settings() if one.name == "Path"] == expected


# Any setting


def assign(*texts: str) -> AnswerFile:
    return make(Answers(hide_pages=False, settings=tuple(map(Assignment.parse, texts))))


def test_settings_of_any_pass_and_lists() -> None:
    made = assign(
        "oobeSystem/Shell-Setup/OOBE/ProtectYourPC=3",
        "oobeSystem/Shell-Setup/FirstLogonCommands/SynchronousCommand[2]/CommandLine=b",
        "oobeSystem/Shell-Setup/FirstLogonCommands/SynchronousCommand[1]/CommandLine=a",
        "TCPIP/Interfaces/Interface[1]/Identifier=Ethernet",
        "TCPIP/Interfaces/Interface[1]/UnicastIpAddresses/IpAddress[1]=192.0.2.1/24",
        "TCPIP/Interfaces/Interface[1]/UnicastIpAddresses/IpAddress[2]=192.0.2.2/24",
        "generalize/Security-SPP/SkipRearm=1",
    )
    items = [one for one in made.settings() if one.action == "add"]

    assert [(one.name, one.key, one.text_of("Order")) for one in items] == [
        ("Interface", None, ""),
        ("IpAddress", "1", ""),
        ("IpAddress", "2", ""),
        ("SynchronousCommand", None, "2"),
        ("SynchronousCommand", None, "1"),
    ]
    assert values(made, "generalize") == {"SkipRearm": "1"}
    assert {f.rule for f in check(made)} == {"dhcp-left-on"}


def test_every_setting_of_the_reference_can_be_named() -> None:
    """All 1,120 pages of it, the containers and keys among them left out."""
    count = 0
    for component in schema.load().components.values():
        for setting in component.settings.values():
            if setting.is_container:
                continue
            names = setting.path.split("/")
            above = ["/".join(names[:n]) for n in range(1, len(names) + 1)]
            steps = [
                f"{name}[1]"
                if (found := component.find(path)) and (found.is_list or found.is_keyed)
                else name
                for name, path in zip(names, above, strict=True)
            ]
            place = f"{min(setting.passes)}/{component.name}/{'/'.join(steps)}"
            made = assigned([Assignment.parse(f"{place}=x")], "amd64")

            assert [one.text for one in made.settings() if one.path == setting.path] == ["x"], place
            assert f"{place}=" in completions(place), place
            count += 1
    assert count > 880


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("specialise/Shell-Setup/TimeZone=UTC", "Did you mean specialize/Shell-Setup/TimeZone?"),
        ("oobe/Shell-Setup/TimeZone=UTC", "The passes are windowsPE, offlineServicing, "),
        ("oobesytem/Shell-Setup/TimeZone=UTC", "Did you mean oobeSystem/Shell-Setup/TimeZone?"),
        ("firstboot/DNS-Client/DNSDomain=x", "The passes are windowsPE, offlineServicing, "),
        ("x/y/z=1", "See the reference."),
    ],
)
def test_what_was_meant_as_a_pass_leads_to_the_passes(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        Assignment.parse(text)

    assert "no component is called" in caught.value.message
    assert (caught.value.hint or "").startswith(hint)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Shell-Setup/ComputrName=x", "Did you mean ComputerName"),
        ("Shel-Setup/ComputerName=x", "Did you mean Shell-Setup"),
        ("firstboot/Shell-Setup/ComputerName=x", "no component is called firstboot"),
        ("Shell-Setup/OOBE=x", "no setting OOBE that takes a value"),
        ("Shell-Setup/FirstLogonCommands/SynchronousCommand/CommandLine=x", "item of a list"),
        ("Shell-Setup/ComputerName[1]=x", "is not an item of a list"),
        ("Shell-Setup", "not the form of a setting"),
        ("Setup/UserData/AcceptEula=true", "valid in windowsPE only"),
    ],
)
def test_settings_that_can_not_be_named(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        Assignment.parse(text)

    assert said in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("begun", "completed"),
    [
        ("oobeS", ["oobeSystem/"]),
        ("oobeSystem/Shell-S", ["oobeSystem/Shell-Setup/"]),
        ("Shell-Setup/CopyP", ["Shell-Setup/CopyProfile="]),
        (
            "Shell-Setup/CopyProfile=",
            ["Shell-Setup/CopyProfile=true", "Shell-Setup/CopyProfile=false"],
        ),
        ("specialize/TCPIP/Interfaces/", ["specialize/TCPIP/Interfaces/Interface[1]/"]),
        ("Nothing/x", []),
        ("Shell-Setup/OOBE/ProtectYourPC=3", ["Shell-Setup/OOBE/ProtectYourPC=3"]),
    ],
)
def test_completion_of_settings(begun: str, completed: list[str]) -> None:
    assert completions(begun) == completed


def test_commands_of_windows_pe_need_no_disk() -> None:
    made = clean(Answers(hide_pages=False, run=(("windowsPE", "cmd /c x"),)))

    assert values(made) == {
        "RunSynchronous/RunSynchronousCommand/Path": "cmd /c x",
        "RunSynchronous/RunSynchronousCommand/Order": "1",
    }
