"""Every explanation that `show` has, one row each; what is explained and not tested fails here."""

from __future__ import annotations

import pytest

from reseal.answerfile import show
from reseal.answerfile.sentences import DRIVERS_WINPE, GROUPS, SENTENCES, SWITCHES
from tests.answerfile.samples import (
    DEPLOYMENT,
    DNS,
    INTERNATIONAL,
    JOIN,
    SETUP,
    SHELL,
    TCPIP,
    WINPE,
    document,
    one,
)

PNP = "Microsoft-Windows-PnpSysprep"
SPP = "Microsoft-Windows-Security-SPP"
LUA = "Microsoft-Windows-LUA-Settings"
RDP = "Microsoft-Windows-TerminalServices-LocalSessionManager"
STATION = "Microsoft-Windows-TerminalServices-RDP-WinStationExtensions"
DRIVERS = "Microsoft-Windows-PnpCustomizationsNonWinPE"
FIREWALL = "Networking-MPSSVC-Svc"
IE = "Microsoft-Windows-IE-InternetExplorer"

KEY = "W269N-WFGWX-YVC9B-4J6C9-T83GX"
#: Component, path, text, sentence.
TEXTS = [
    (SHELL, "ComputerName", "PC-1", 'The computer is named "PC-1".'),
    (SHELL, "ProductKey", KEY, "Windows gets the product key that ends in T83GX."),
    (SHELL, "RegisteredOwner", "Me", 'Windows is registered to "Me".'),
    (SHELL, "RegisteredOrganization", "Us", 'Windows is registered to the organization "Us".'),
    (SHELL, "TimeZone", "UTC", 'The time zone is "UTC".'),
    (
        SHELL,
        "OOBE/ProtectYourPC",
        "3",
        'The page on protection and updates is answered with "3".',
    ),
    (SHELL, "OOBE/NetworkLocation", "Work", 'The network counts as "Work".'),
    (
        SETUP,
        "UserData/ProductKey/Key",
        KEY,
        "Setup chooses the edition by the product key that ends in T83GX.",
    ),
    (SETUP, "UserData/FullName", "Me", 'The user of Windows is "Me".'),
    (SETUP, "UserData/Organization", "Us", 'The organization is "Us".'),
    (
        IE,
        "Home_Page",
        "http://example.com",
        'The home page of Internet Explorer is "http://example.com".',
    ),
    (WINPE, "SetupUILanguage/UILanguage", "de-DE", 'Setup speaks "de-DE".'),
    *(
        (where, name, "de-DE", sentence)
        for where in (INTERNATIONAL, WINPE)
        for name, sentence in (
            ("InputLocale", 'The keyboard is "de-DE".'),
            ("SystemLocale", 'Programs without Unicode use the locale "de-DE".'),
            ("UILanguage", 'The language of Windows is "de-DE".'),
            ("UILanguageFallback", 'Where that language is missing, "de-DE" is used.'),
            ("UserLocale", 'Dates, numbers and currency follow "de-DE".'),
        )
    ),
]

#: Component, path, the sentence for true and the one for false.
SWITCHED = [
    (
        SHELL,
        "CopyProfile",
        "The profile of the built-in Administrator becomes the default profile of new users.",
        "The default profile stays as it is.",
    ),
    (
        SHELL,
        "OOBE/HideEULAPage",
        "The licence terms are not shown.",
        "The licence terms are shown.",
    ),
    (
        SHELL,
        "OOBE/HideLocalAccountScreen",
        "The page for the password of Administrator is not shown (Windows Server).",
        "The page for the password of Administrator is shown (Windows Server).",
    ),
    (
        SHELL,
        "OOBE/HideOEMRegistrationScreen",
        "The registration page is not shown.",
        "The registration page is shown.",
    ),
    (
        SHELL,
        "OOBE/HideOnlineAccountScreens",
        "The page for a Microsoft account is not shown.",
        "The page for a Microsoft account is shown.",
    ),
    (
        SHELL,
        "OOBE/HideWirelessSetupInOOBE",
        "The page for wireless networks is not shown.",
        "The page for wireless networks is shown.",
    ),
    (
        SHELL,
        "OOBE/SkipMachineOOBE",
        "The out-of-box experience of the machine is skipped, where Windows still can.",
        "The out-of-box experience of the machine runs.",
    ),
    (
        SHELL,
        "OOBE/SkipUserOOBE",
        "The out-of-box experience of users is skipped, where Windows still can.",
        "The out-of-box experience of users runs.",
    ),
    (
        PNP,
        "PersistAllDeviceInstalls",
        "Installed devices stay installed.",
        "Devices are uninstalled and found again at the first boot.",
    ),
    (
        PNP,
        "DoNotCleanUpNonPresentDevices",
        "Devices that are not present stay installed, too.",
        "Devices that are not present are removed.",
    ),
    (SPP, "SkipRearm", "The licence is left as it is.", "The licence is reset."),
    (LUA, "EnableLUA", "User Account Control is on.", "User Account Control is off."),
    (RDP, "fDenyTSConnections", "Remote Desktop is off.", "Remote Desktop is on."),
    (
        STATION,
        "UserAuthentication",
        "Remote Desktop asks for the user before it connects.",
        "Remote Desktop connects before it asks for the user.",
    ),
    (
        SETUP,
        "UserData/AcceptEula",
        "The licence terms are accepted.",
        "The user must accept the licence terms.",
    ),
]

ACCOUNT = "<Name>bob</Name><Group>Users;Guests</Group><Password><Value>hunter2</Value></Password>"
BOB = 'There is an account "bob", a member of Users and Guests, with a password (hidden).'
#: Component, path, what stands inside, the sentences.
GROUPED = [
    *(
        (component, path, f"<Order>3</Order><{leaf}>x /pass:hunter2</{leaf}>", [f"3. {words}"])
        for component, path, leaf, words in (
            (
                SETUP,
                "RunSynchronous/RunSynchronousCommand",
                "Path",
                "Runs, and waits for it: x /pass:(hidden)",
            ),
            (
                SETUP,
                "RunAsynchronous/RunAsynchronousCommand",
                "Path",
                "Starts, and does not wait: x /pass:(hidden)",
            ),
            (
                DEPLOYMENT,
                "RunSynchronous/RunSynchronousCommand",
                "Path",
                "Runs, and waits for it: x /pass:(hidden)",
            ),
            (
                DEPLOYMENT,
                "RunAsynchronous/RunAsynchronousCommand",
                "Path",
                "Starts, and does not wait: x /pass:(hidden)",
            ),
            (
                SHELL,
                "FirstLogonCommands/SynchronousCommand",
                "CommandLine",
                "Runs at the first logon: x /pass:(hidden)",
            ),
            (
                SHELL,
                "LogonCommands/AsynchronousCommand",
                "CommandLine",
                "Runs at every logon: x /pass:(hidden)",
            ),
        )
    ),
    (SHELL, "UserAccounts/LocalAccounts/LocalAccount", ACCOUNT, [BOB]),
    (SHELL, "OfflineUserAccounts/OfflineLocalAccounts/LocalAccount", ACCOUNT, [BOB]),
    (
        SHELL,
        "UserAccounts/AdministratorPassword",
        "<Value>hunter2</Value>",
        ["The built-in Administrator gets a password (hidden)."],
    ),
    (
        SHELL,
        "OfflineUserAccounts/OfflineAdministratorPassword",
        "<Value/>",
        ["The built-in Administrator gets an empty password."],
    ),
    (
        SHELL,
        "AutoLogon",
        "<Username>bob</Username><Enabled>false</Enabled><Password><Value>hunter2</Value></Password>",
        ["No account logs on automatically."],
    ),
    (
        SETUP,
        "DiskConfiguration/Disk",
        "<DiskID>1</DiskID><WillWipeDisk>true</WillWipeDisk>",
        ["Disk 1 is wiped: everything on it is lost."],
    ),
    (
        SETUP,
        "ImageInstall/OSImage",
        (
            "<InstallFrom><Path>D:\\install.wim</Path></InstallFrom>"
            "<InstallToAvailablePartition>true</InstallToAvailablePartition>"
        ),
        [
            'It is taken from "D:\\install.wim".',
            "It goes to the first partition with enough space.",
        ],
    ),
    (
        JOIN,
        "Identification",
        "<JoinWorkgroup>LAB</JoinWorkgroup>",
        ['The machine joins the workgroup "LAB".'],
    ),
    (
        JOIN,
        "OfflineIdentification",
        "<Provisioning><AccountData>QQ==</AccountData></Provisioning>",
        ["The machine joins a domain with an account made beforehand (hidden)."],
    ),
    (
        TCPIP,
        "Interfaces/Interface",
        (
            "<Identifier>Ethernet</Identifier><Ipv4Settings><DhcpEnabled>true</DhcpEnabled>"
            "</Ipv4Settings>"
        ),
        ['The network interface "Ethernet" gets its IPv4 address by DHCP.'],
    ),
    (
        DNS,
        "Interfaces/Interface",
        (
            "<Identifier>Ethernet</Identifier><DNSServerSearchOrder><IpAddress>192.0.2.53</IpAddress>"
            "</DNSServerSearchOrder>"
        ),
        ['"Ethernet" asks the DNS servers 192.0.2.53.'],
    ),
    (
        FIREWALL,
        "FirewallGroups/FirewallGroup",
        "<Active>true</Active><Group>Remote Desktop</Group><Profile>all</Profile>",
        ['The firewall is open for "Remote Desktop" (all).'],
    ),
    *(
        (
            component,
            "DriverPaths/PathAndCredentials",
            "<Path>\\\\nas\\drivers</Path><Credentials><Password>hunter2</Password></Credentials>",
            ['Drivers are taken from "\\\\nas\\drivers".'],
        )
        for component in (DRIVERS, DRIVERS_WINPE)
    ),
    (
        DEPLOYMENT,
        "Generalize",
        "<Mode>OOBE</Mode>",
        ["Windows is generalized for the out-of-box experience, and the machine is restarted."],
    ),
    (
        DEPLOYMENT,
        "Reseal",
        "<Mode>Audit</Mode><ForceShutdownNow>true</ForceShutdownNow>",
        ["Windows is resealed for audit mode, and the machine is shut down."],
    ),
]


def said(component: str, path: str, inside: str) -> list[str]:
    for name in reversed(path.split("/")):
        inside = f"<{name}>{inside}</{name}>"
    (shown,) = show(document(one("specialize", component, inside)))
    return [step.text for step in shown.steps]


@pytest.mark.parametrize(("component", "path", "text", "sentence"), TEXTS)
def test_a_text(component: str, path: str, text: str, sentence: str) -> None:
    assert said(component, path, text) == [sentence]


@pytest.mark.parametrize(("component", "path", "yes", "no"), SWITCHED)
def test_a_switch(component: str, path: str, yes: str, no: str) -> None:
    assert said(component, path, "true") == [yes]
    assert said(component, path, "false") == [no]


@pytest.mark.parametrize(("component", "path", "inside", "sentences"), GROUPED)
def test_a_group(component: str, path: str, inside: str, sentences: list[str]) -> None:
    assert said(component, path, inside) == sentences


def test_no_explanation_is_missing() -> None:
    assert {row[:2] for row in TEXTS} == set(SENTENCES)
    assert {row[:2] for row in SWITCHED} == set(SWITCHES)
    assert {row[:2] for row in GROUPED} == set(GROUPS)
