"""Builders of answer files for tests, with known lines: a component's settings start on line 5."""

from __future__ import annotations

from reseal.answerfile import AnswerFile

SHELL = "Microsoft-Windows-Shell-Setup"
SETUP = "Microsoft-Windows-Setup"
DEPLOYMENT = "Microsoft-Windows-Deployment"
INTERNATIONAL = "Microsoft-Windows-International-Core"
WINPE = "Microsoft-Windows-International-Core-WinPE"
JOIN = "Microsoft-Windows-UnattendedJoin"
TCPIP = "Microsoft-Windows-TCPIP"
DNS = "Microsoft-Windows-DNS-Client"
DRIVERS = "Microsoft-Windows-PnpCustomizationsNonWinPE"
RDP = "Microsoft-Windows-TerminalServices-LocalSessionManager"

HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'
ROOT = (
    '<unattend xmlns="urn:schemas-microsoft-com:unattend" '
    'xmlns:wcm="http://schemas.microsoft.com/WMIConfig/2002/State">\n'
)


def component(name: str, body: str, architecture: str = "amd64") -> str:
    """Return a component; its body starts on the next line."""
    return (
        f'<component name="{name}" processorArchitecture="{architecture}" '
        'publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS">\n'
        f"{body}\n</component>\n"
    )


def settings(name: str, *components: str) -> str:
    """Return a pass; its first component starts on the next line."""
    return f'<settings pass="{name}">\n{"".join(components)}</settings>\n'


def unattend(*passes: str) -> str:
    """Return an answer file; its first pass starts on line 3."""
    return f"{HEAD}{ROOT}{''.join(passes)}</unattend>\n"


def one(pass_name: str, component_name: str, body: str) -> str:
    """Return an answer file with one component, whose body starts on line 5."""
    return unattend(settings(pass_name, component(component_name, body)))


def document(text: str) -> AnswerFile:
    """Read an answer file from a text."""
    return AnswerFile(text.encode(), "unattend.xml")


def package(name: str, action: str, inside: str = "") -> str:
    """Return a package for `servicing`, on one line."""
    return (
        f'<package action="{action}"><assemblyIdentity name="{name}" version="10.0.19041.1" '
        'processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35" language="neutral"/>'
        f"{inside}</package>\n"
    )


def servicing(*packages: str) -> str:
    """Return what stands before the passes; its first package starts on the next line."""
    return f"<servicing>\n{''.join(packages)}</servicing>\n"


#: One setting of every kind that offlineServicing has.
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
