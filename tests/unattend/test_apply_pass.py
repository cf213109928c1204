"""What a pass comes to: which settings are applied, where they go, and what is said of the others."""

from __future__ import annotations

from typing import Any

import pytest

from reseal.answerfile import Pass, Secret, mark
from reseal.answerfile.schema import load
from reseal.errors import CheckError
from reseal.session import Mark, Session
from reseal.testing.machine import Machine
from reseal.unattend import accounts
from reseal.unattend.applier import Left, Work, as_number
from reseal.unattend.local_accounts import ADMINISTRATOR
from reseal.unattend.settings import ROWS, apply_pass
from reseal.windows.sid import Sid
from tests.answerfile.samples import (
    OFFLINE,
    RDP,
    SHELL,
    component,
    document,
    one,
    settings,
    unattend,
)
from tests.builders import session

PNP = "Microsoft-Windows-PnpSysprep"
SPP = "Microsoft-Windows-Security-SPP"
WINDOWS = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion"
WINDOWS_NT = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"


def applied(
    image: Session, text: str, name: Pass, *done: Pass, **work: Any
) -> tuple[list[str], list[Left]]:
    found, left = apply_pass(Work(image, mark(document(text), done), **work), name)
    return [setting.path for setting in found], left


def staged(image: Session) -> list[tuple[str, object]]:
    return [(one.target, one.after["data"]) for one in image.changes if isinstance(one.after, dict)]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What is asked of the accounts in SAM, whose passwords the sample machine has no key for."""
    done: list[tuple[object, ...]] = []

    class Recorder:
        def __init__(self, image: Session) -> None:
            assert image.installation

        def find(self, name: str) -> int | None:
            return 1001 if name == "eve" else None

        def __getattr__(self, verb: str) -> Any:
            def call(*arguments: object) -> int:
                done.append((verb, *arguments))
                return 1002

            return call

    monkeypatch.setattr(accounts, "LocalAccounts", Recorder)
    return done


def test_generalize() -> None:
    text = unattend(
        settings(
            "generalize",
            component(
                "Microsoft-Windows-PnPSysprep",
                "<PersistAllDeviceInstalls>true</PersistAllDeviceInstalls>",
            ),
            component(SPP, "<SkipRearm>1</SkipRearm>"),
            component(SHELL, "<RegisteredOwner>Me</RegisteredOwner><Other>1</Other>"),
        )
    )
    image = session()
    found, left = applied(image, text, Pass.GENERALIZE)

    assert found == ["PersistAllDeviceInstalls", "SkipRearm", "RegisteredOwner"]
    assert [one.setting for one in left] == ["Other"]
    settings_key = rf"{WINDOWS}\Setup\Sysprep\Settings\sppnp"
    assert image.registry.number(settings_key, "PersistAllDeviceInstalls") == 1
    assert image.registry.number(settings_key, "DoNotCleanUpNonPresentDevices") is None
    assert image.registry.number(rf"{WINDOWS_NT}\SoftwareProtectionPlatform", "SkipRearm") == 1


def test_only_what_the_image_applies_counts() -> None:
    body = "<PersistAllDeviceInstalls>true</PersistAllDeviceInstalls>"
    arm64 = unattend(settings("generalize", component(PNP, body, "arm64")))
    amd64 = one("generalize", PNP, body)
    image = session()

    assert applied(image, arm64, Pass.GENERALIZE) == ([], [])
    assert applied(image, amd64, Pass.GENERALIZE, Pass.GENERALIZE) == ([], [])
    assert applied(image, amd64, Pass.SPECIALIZE) == ([], [])
    assert applied(image, unattend(), Pass.GENERALIZE) == ([], [])
    assert image.changes == []
    assert applied(image, amd64, Pass.GENERALIZE) == (["PersistAllDeviceInstalls"], [])


@pytest.mark.parametrize(
    ("name", "component_name", "body"),
    [
        ("offlineServicing", SHELL, "<RegisteredOwner>Me</RegisteredOwner>"),
        (
            "offlineServicing",
            SHELL,
            (
                "<OfflineUserAccounts><OfflineLocalAccounts><LocalAccount><Name>bob</Name></LocalAccount>"
                "</OfflineLocalAccounts></OfflineUserAccounts>"
            ),
        ),
        ("generalize", SPP, "<SkipRearm>1</SkipRearm>"),
    ],
)
def test_the_32_bit_side_of_windows_is_named_and_not_applied(
    calls: list[object], name: str, component_name: str, body: str
) -> None:
    text = unattend(settings(name, component(component_name, body, "wow64")))
    image = session()
    found, left = applied(image, text, Pass(name))

    assert (found, image.changes, calls) == ([], [], [])
    assert ["32-bit side" in one.reason for one in left] == [True]


def test_offline_servicing(calls: list[tuple[object, ...]]) -> None:
    found, left = applied(session(), OFFLINE, Pass.OFFLINE_SERVICING)

    member = Sid.parse("S-1-5-21-1-2-3-500")
    assert calls == [
        ("set_password", ADMINISTRATOR, Secret("pw")),
        ("create", "bob"),
        ("describe", 1002, "", ""),
        ("set_password", 1002, Secret(" p ")),
        ("join", 1002, "Users"),
        ("join", 1002, "Administrators"),
        ("describe", 1001, "", ""),
        ("join", member, "Administrators"),
    ]
    assert " p " not in repr(calls)
    drivers = "DriverPaths/PathAndCredentials"
    assert {(each.setting, "--driver-path" in each.reason) for each in left} == {
        ("OEMInformation/SupportProvider", False),
        ("OfflineIdentification/Provisioning/AccountData", False),
        (f"{drivers}/Path", True),
        *((f"{drivers}/Credentials/{name}", True) for name in ("Domain", "Username", "Password")),
    }
    leaves = [setting for setting in document(OFFLINE).settings() if not setting.children]
    assert len(found) + len(left) == len(leaves)


def test_a_wrongly_hidden_password_is_an_error_without_the_password(calls: list[object]) -> None:
    text = OFFLINE.replace(
        "<Value> p </Value>", "<Value>hunter2</Value><PlainText>false</PlainText>"
    )

    with pytest.raises(
        CheckError, match=r"password in unattend\.xml is marked as hidden"
    ) as caught:
        applied(session(), text, Pass.OFFLINE_SERVICING)

    assert "hunter2" not in caught.value.message + str(caught.value.hint) + str(calls)


@pytest.mark.usefixtures("calls")
def test_where_settings_go() -> None:
    image = session()
    _, left = applied(image, OFFLINE, Pass.OFFLINE_SERVICING)

    control = r"HKLM\SYSTEM\ControlSet001\Control"
    tcpip = r"HKLM\SYSTEM\ControlSet001\Services\Tcpip\Parameters"
    owner = r"HKLM\SOFTWARE\WOW6432Node\Microsoft\Windows NT\CurrentVersion"
    assert staged(image) == [
        (rf"{control}\ComputerName\ComputerName\\ComputerName", "PC-1"),
        (rf"{tcpip}\\Hostname", "Pc-1"),
        (rf"{tcpip}\\NV Hostname", "Pc-1"),
        (r"HKLM\SYSTEM\Setup\DJOIN\\DismComputerNameSet", 1),
        (rf"{WINDOWS_NT}\\RegisteredOwner", "Me"),
        (rf"{owner}\\RegisteredOwner", "Me"),
        (rf"{WINDOWS}\OEMInformation\\Model", "M"),
        (rf"{control}\Terminal Server\\fDenyTSConnections", 0),
    ]
    assert "OEMInformation/SupportProvider" in [one.setting for one in left]


def test_a_32_bit_image_has_no_second_software_hive() -> None:
    text = unattend(
        settings("specialize", component(SHELL, "<RegisteredOwner>Me</RegisteredOwner>", "x86"))
    )
    image = session(Machine(architecture="x86"))
    applied(image, text, Pass.SPECIALIZE)

    assert staged(image) == [(rf"{WINDOWS_NT}\\RegisteredOwner", "Me")]


@pytest.mark.parametrize("body", ["<ComputerName>*</ComputerName>", "<ComputerName/>"])
def test_a_random_name_is_left_to_windows(body: str) -> None:
    image = session()
    found, left = applied(image, one("specialize", SHELL, body), Pass.SPECIALIZE)

    assert (found, [each.setting for each in left], image.changes) == ([], ["ComputerName"], [])


@pytest.mark.parametrize(
    "text", ["perhaps", "-1", "4294967296", "0" * 12 + "4294967296", "9" * 5000, "1.5", ""]
)
def test_a_value_that_is_no_number_is_not_placed(text: str) -> None:
    body = f"<fDenyTSConnections>{text}</fDenyTSConnections>"
    image = session()
    found, left = applied(image, one("specialize", RDP, body), Pass.SPECIALIZE)

    assert (found, len(left), image.changes) == ([], 1, [])


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("4294967295", 2**32 - 1), ("0" * 20 + "7", 7)]
)
def test_a_number_of_32_bits(text: str, number: int) -> None:
    assert as_number(text) == number


def test_a_setting_inside_another_one_is_not_its_text() -> None:
    body = "<RegisteredOwner><Inner>x</Inner></RegisteredOwner><TimeZone><Z>UTC</Z></TimeZone>"
    image = session()
    found, left = applied(image, one("specialize", SHELL, body), Pass.SPECIALIZE)

    assert (found, image.changes) == ([], [])
    assert [each.setting for each in left] == ["RegisteredOwner/Inner", "TimeZone/Z"]


def test_a_place_that_is_only_inferred_is_left_to_windows_where_it_runs_the_pass() -> None:
    lua = "Microsoft-Windows-LUA-Settings"
    body = "<EnableLUA>false</EnableLUA>"
    for name in Pass:
        found, _ = applied(session(), one(name.value, lua, body), name)
        assert bool(found) == (name in {Pass.OFFLINE_SERVICING, Pass.GENERALIZE})


def test_every_row_is_of_a_setting_that_exists_and_says_how_it_is_known() -> None:
    for row in ROWS:
        known = load().find(row.component)
        assert known is not None
        setting = known.find(row.path)
        assert setting is not None
        assert any(name in setting.passes for name in row.passes)
        assert row.known.mark in Mark
        assert row.known.source
        assert row.provider
        if row.name:
            assert row.to.startswith(("HKLM\\SYSTEM\\", "HKLM\\SOFTWARE\\"))
