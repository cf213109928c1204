"""Making answer files from answers: valid, with hidden passwords."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from reseal.answerfile import (
    Answers,
    DomainJoin,
    Level,
    NewAccount,
    NewInterface,
    Secret,
    check,
    formatted,
    make,
    show,
)
from reseal.answerfile.secrets import unhide

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
        "Nobody is asked for a Microsoft account.",
        "Nobody is asked for a wireless network.",
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
