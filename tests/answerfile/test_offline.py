"""What the passes generalize and offlineServicing ask for, and where settings go."""

from __future__ import annotations

import pytest

from reseal.answerfile import (
    Pass,
    Secret,
    generalize_settings,
    mark,
    offline_settings,
    placed,
    requested_mode,
)
from reseal.answerfile.placement import PLACES
from reseal.answerfile.schema import load
from reseal.answerfile.secrets import NotHiddenError
from tests.answerfile.samples import (
    DEPLOYMENT,
    JOIN,
    SHELL,
    component,
    document,
    one,
    settings,
    unattend,
)

PNP = "Microsoft-Windows-PnpSysprep"
SPP = "Microsoft-Windows-Security-SPP"
DRIVERS = "Microsoft-Windows-PnpCustomizationsNonWinPE"
RDP = "Microsoft-Windows-TerminalServices-LocalSessionManager"
WINDOWS_NT = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"


def test_generalize() -> None:
    text = unattend(
        settings(
            "generalize",
            component(
                "Microsoft-Windows-PnPSysprep",
                "<PersistAllDeviceInstalls>true</PersistAllDeviceInstalls>",
            ),
            component(SPP, "<SkipRearm>1</SkipRearm>"),
            component(SHELL, "<RegisteredOwner>Me</RegisteredOwner>"),
        )
    )
    found = generalize_settings(document(text), "amd64")

    assert found.persist_all_device_installs is True
    assert found.do_not_clean_up_non_present_devices is None
    assert found.skip_rearm is True
    assert [setting.path for setting in found.others] == ["RegisteredOwner"]


def test_only_what_the_image_applies_counts() -> None:
    text = one("generalize", PNP, "<PersistAllDeviceInstalls>true</PersistAllDeviceInstalls>")

    assert generalize_settings(document(text), "arm64").persist_all_device_installs is None
    done = mark(document(text), [Pass.GENERALIZE])
    assert generalize_settings(done).persist_all_device_installs is None
    assert generalize_settings(document(unattend())).others == ()


OFFLINE = unattend(
    settings(
        "offlineServicing",
        component(
            SHELL,
            "<ComputerName>Pc-1</ComputerName><RegisteredOwner>Me</RegisteredOwner>"
            "<OEMInformation><Model>M</Model><SupportProvider>S</SupportProvider></OEMInformation>"
            "<OfflineUserAccounts><OfflineAdministratorPassword>"
            "<Value>cAB3AEEAZABtAGkAbgBpAHMAdAByAGEAdABvAHIAUABhAHMAcwB3AG8AcgBkAA==</Value>"
            "<PlainText>false</PlainText></OfflineAdministratorPassword>"
            '<OfflineLocalAccounts><LocalAccount wcm:action="add"><Name>bob</Name><Group>Users; '
            "Administrators</Group><Password><Value> p </Value></Password></LocalAccount>"
            '<LocalAccount wcm:action="add"><Name>eve</Name></LocalAccount></OfflineLocalAccounts>'
            '<OfflineDomainAccounts><OfflineDomainAccount wcm:action="add"><SID>S-1-5-21-1-2-3-500'
            "</SID><Group>Administrators</Group></OfflineDomainAccount></OfflineDomainAccounts>"
            "</OfflineUserAccounts>",
        ),
        component(RDP, "<fDenyTSConnections>false</fDenyTSConnections>"),
        component(
            DRIVERS,
            '<DriverPaths><PathAndCredentials wcm:action="add" wcm:keyValue="1"><Path>D:\\drivers'
            "</Path><Credentials><Domain>d</Domain><Username>u</Username><Password>p</Password>"
            "</Credentials></PathAndCredentials></DriverPaths>",
        ),
        component(
            JOIN,
            "<OfflineIdentification><Provisioning><AccountData>QQ==</AccountData></Provisioning>"
            "</OfflineIdentification>",
        ),
    )
)


def test_offline_servicing() -> None:
    found = offline_settings(document(OFFLINE))

    assert found.computer_name == "Pc-1"
    assert found.administrator_password == Secret("pw")
    assert [(a.name, a.groups, a.password) for a in found.local_accounts] == [
        ("bob", ("Users", "Administrators"), Secret(" p ")),
        ("eve", (), None),
    ]
    assert [(m.sid, m.groups) for m in found.domain_members] == [
        ("S-1-5-21-1-2-3-500", ("Administrators",))
    ]
    assert [(d.path, d.domain, d.username, d.password) for d in found.driver_paths] == [
        ("D:\\drivers", "d", "u", Secret("p"))
    ]
    assert found.account_data == Secret("QQ==")
    assert [setting.path for setting in found.others] == [
        "RegisteredOwner",
        "OEMInformation/Model",
        "OEMInformation/SupportProvider",
        "fDenyTSConnections",
    ]
    assert " p " not in repr(found)


def test_a_wrongly_hidden_password_is_an_error_without_the_password() -> None:
    text = OFFLINE.replace(
        "<Value> p </Value>", "<Value>hunter2</Value><PlainText>false</PlainText>"
    )

    with pytest.raises(NotHiddenError) as caught:
        offline_settings(document(text))

    assert "hunter2" not in caught.value.message


def test_where_settings_go() -> None:
    values, rest = placed(document(OFFLINE), Pass.OFFLINE_SERVICING, "amd64")

    oem = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\OEMInformation"
    control = r"HKLM\SYSTEM\CurrentControlSet\Control"
    tcpip = r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"
    assert [(v.key, v.name, v.type, v.data) for v in values] == [
        (rf"{control}\ComputerName\ComputerName", "ComputerName", "REG_SZ", "PC-1"),
        (tcpip, "Hostname", "REG_SZ", "Pc-1"),
        (tcpip, "NV Hostname", "REG_SZ", "Pc-1"),
        (r"HKLM\SYSTEM\Setup\DJOIN", "DismComputerNameSet", "REG_DWORD", 1),
        (WINDOWS_NT, "RegisteredOwner", "REG_SZ", "Me"),
        (
            r"HKLM\SOFTWARE\WOW6432Node\Microsoft\Windows NT\CurrentVersion",
            "RegisteredOwner",
            "REG_SZ",
            "Me",
        ),
        (oem, "Model", "REG_SZ", "M"),
        (rf"{control}\Terminal Server", "fDenyTSConnections", "REG_DWORD", 0),
    ]
    assert "OEMInformation/SupportProvider" in [setting.path for setting in rest]
    leaves = [s for s in document(OFFLINE).settings() if not s.children]
    assert len(rest) + len({id(v.setting) for v in values}) == len(leaves)


def test_a_32_bit_image_has_no_second_software_hive() -> None:
    text = unattend(
        settings("specialize", component(SHELL, "<RegisteredOwner>Me</RegisteredOwner>", "x86"))
    )
    values, _ = placed(document(text), Pass.SPECIALIZE, "x86")

    assert [value.key for value in values] == [WINDOWS_NT]


@pytest.mark.parametrize("body", ["<ComputerName>*</ComputerName>", "<ComputerName/>"])
def test_a_random_name_is_left_to_windows(body: str) -> None:
    values, rest = placed(document(one("specialize", SHELL, body)), Pass.SPECIALIZE)

    assert (values, [setting.path for setting in rest]) == ([], ["ComputerName"])


def test_a_value_that_is_no_number_is_not_placed() -> None:
    text = one("specialize", RDP, "<fDenyTSConnections>perhaps</fDenyTSConnections>")
    values, rest = placed(document(text), Pass.SPECIALIZE)

    assert (values, len(rest)) == ([], 1)


def test_every_place_is_of_a_setting_that_exists_and_says_how_it_is_known() -> None:
    for place in PLACES:
        known = load().find(place.component)
        assert known is not None
        assert known.find(place.path) is not None
        assert place.mark in {"documented", "seen", "reported", "inferred"}
        assert place.source
        assert place.key.startswith(("HKLM\\SYSTEM\\", "HKLM\\SOFTWARE\\"))


def test_the_requested_mode() -> None:
    generalize = "<Generalize><Mode>Audit</Mode></Generalize>"
    reseal = "<Reseal><ForceShutdownNow>true</ForceShutdownNow></Reseal>"

    both = requested_mode(document(one("auditUser", DEPLOYMENT, reseal + generalize)))
    assert both is not None
    assert (both.mode, both.generalize, both.shutdown) == ("audit", True, False)
    only = requested_mode(document(one("oobeSystem", DEPLOYMENT, reseal)))
    assert only is not None
    assert (only.mode, only.generalize, only.shutdown) == ("oobe", False, True)
    assert requested_mode(document(unattend())) is None


def resealing(pass_name: str, mode: str, *, done: bool = False) -> str:
    text = settings(pass_name, component(DEPLOYMENT, f"<Reseal><Mode>{mode}</Mode></Reseal>"))
    return text.replace('">', '" wasPassProcessed="true">', 1) if done else text


def test_a_pass_that_is_done_asks_for_nothing() -> None:
    done = resealing("auditUser", "Audit", done=True)

    assert requested_mode(document(unattend(done))) is None
    still = requested_mode(document(unattend(done, resealing("oobeSystem", "OOBE"))))
    assert still is not None
    assert still.mode == "oobe"


def test_of_several_passes_the_one_that_the_next_boot_runs_first_counts() -> None:
    passes = [
        resealing("auditSystem", "OOBE"),
        resealing("auditUser", "OOBE"),
        resealing("oobeSystem", "Audit"),
    ]
    for order in (passes, passes[::-1]):
        found = requested_mode(document(unattend(*order)))
        assert found is not None
        assert (found.mode, found.disagreeing) == ("audit", ("auditSystem", "auditUser"))


def test_passes_that_agree_are_not_mentioned() -> None:
    passes = resealing("auditUser", "OOBE"), resealing("oobeSystem", "OOBE")
    found = requested_mode(document(unattend(*passes)))
    assert found is not None
    assert (found.mode, found.disagreeing) == ("oobe", ())
