"""Make an answer file from answers.

Every file has one architecture (documented: Best Practices for Authoring Answer Files, Use Separate
Answer Files to Deploy to Multiple Architecture Types). Passwords are hidden as Windows hides them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.answerfile import setup
from reseal.answerfile.assignment import Assignment, assigned
from reseal.answerfile.building import (
    Item,
    answer_file,
    commands,
    component,
    group,
    hidden_password,
    leaf,
    numbered,
    switch,
)
from reseal.answerfile.components import (
    DEPLOYMENT,
    DNS,
    FIREWALL,
    INTERNATIONAL,
    JOIN,
    LICENSING,
    PNP_SYSPREP,
    REMOTE_DESKTOP,
    REMOTE_DESKTOP_STATION,
    SHELL,
    TCPIP,
)
from reseal.answerfile.merge import merge
from reseal.answerfile.passes import Pass
from reseal.answerfile.schema import BUILDS
from reseal.answerfile.wireless import WirelessNetwork, profile_commands

if TYPE_CHECKING:
    from reseal.answerfile.document import AnswerFile
    from reseal.answerfile.secrets import Secret
    from reseal.answerfile.setup import FullSetup

#: Groups of a new account, where none is asked for.
DEFAULT_GROUPS = ("Users",)

#: The group of the firewall's rules for Remote Desktop, the same in every language (seen: answer
#: files of image builders).
REMOTE_DESKTOP_GROUP = "@FirewallAPI.dll,-28752"

#: Windows adds one to LogonCount 1, so that there would be two logons (documented: LogonCount).
LOGON_IS_OVER = (
    r'reg.exe add "HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon" '
    "/v AutoLogonCount /t REG_DWORD /d 0 /f"
)


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A local account to make."""

    name: str
    password: Secret | None = None
    groups: tuple[str, ...] = DEFAULT_GROUPS
    display_name: str = ""


@dataclass(frozen=True, slots=True)
class NewInterface:
    """Fixed addresses for a network interface.

    Attributes:
        identifier: its name in Windows (`Ethernet`) or its MAC address with hyphens.
        addresses: with the length of their prefix, `192.0.2.10/24`.
        gateway: the router, or empty.
        servers: the DNS servers.
        domain: the DNS suffix of the connection, or empty.
        gateways: more routers, such as the one of the other family.
        routes: other networks, each with the router that leads to it.
    """

    identifier: str
    addresses: tuple[str, ...]
    gateway: str = ""
    servers: tuple[str, ...] = ()
    domain: str = ""
    gateways: tuple[str, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class DomainJoin:
    """A domain to join, and whose credentials open it."""

    domain: str
    username: str
    password: Secret
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """What the new file is to say; whatever is empty is left out.

    Attributes:
        computer_name: a name, or `*` for a random one.
        language: of Windows itself; `locale` where empty.
        keyboard: an input locale, or several with semicolons; `locale` where empty.
        logon: the account that logs on by itself, or empty.
        logon_count: how often; Windows adds one.
        commands: commands for the first logon.
        audit: boot to audit mode instead of the out-of-box experience.
        copy_profile: the profile of the built-in Administrator becomes the default profile.
        hide_pages: answer the pages of the out-of-box experience that can be hidden.
        fallback_language: of Windows, where `language` lacks a text.
        once: the account logs on by itself exactly once.
        generalize: in audit mode, generalize and shut down.
        persist_devices: keep the devices as they are installed when the image is generalized.
        keep_absent_devices: keep devices that are not there, too.
        skip_rearm: leave the licence alone when the image is generalized.
        oem: settings of OEMInformation: name and text.
        remote_desktop: allow Remote Desktop, with authentication before it connects.
        firewall_groups: groups of rules to turn on, by name or by the resource of the name.
        run: commands of Microsoft-Windows-Deployment or Setup: the pass, and the command.
        wireless: a wireless network to know.
        password_days: after how many days passwords expire; 0 for never, None leaves it to Windows.
        lockout_attempts: after how many wrong passwords an account is locked; 0 for never.
        setup: what Windows Setup needs to install from its medium; None for an image.
        settings: any other settings; they win.
        build: of the Windows it is for, or 0; what that lacks is left out.
    """

    computer_name: str = ""
    owner: str = ""
    organization: str = ""
    locale: str = ""
    language: str = ""
    keyboard: str = ""
    time_zone: str = ""
    product_key: Secret | None = None
    administrator_password: Secret | None = None
    accounts: tuple[NewAccount, ...] = ()
    logon: str = ""
    logon_count: int = 1
    domain: DomainJoin | None = None
    workgroup: str = ""
    interfaces: tuple[NewInterface, ...] = ()
    commands: tuple[str, ...] = ()
    audit: bool = False
    copy_profile: bool = False
    hide_pages: bool = True
    fallback_language: str = ""
    once: bool = False
    generalize: bool = False
    persist_devices: bool = False
    keep_absent_devices: bool = False
    skip_rearm: bool = False
    oem: tuple[tuple[str, str], ...] = ()
    remote_desktop: bool = False
    firewall_groups: tuple[str, ...] = ()
    run: tuple[tuple[str, str], ...] = ()
    wireless: WirelessNetwork | None = None
    password_days: int | None = None
    lockout_attempts: int | None = None
    setup: FullSetup | None = None
    settings: tuple[Assignment, ...] = ()
    build: int = 0


def make(answers: Answers, architecture: str = "amd64") -> AnswerFile:
    """Return a new answer file. Its form is checked by `check`, as that of any other.

    Args:
        answers: what it is to say.
        architecture: of the Windows it is for: `x86`, `amd64` or `arm64`.
    """
    wanted: dict[Pass, list[tuple[str, list[Item | None]]]] = {
        Pass.WINDOWS_PE: setup.components(answers, answers.setup) if answers.setup else [],
        Pass.GENERALIZE: [
            (PNP_SYSPREP, _devices(answers)),
            (LICENSING, [Item("SkipRearm", "1") if answers.skip_rearm else None]),
        ],
        Pass.SPECIALIZE: [
            (SHELL, _machine(answers)),
            (INTERNATIONAL, setup.locale(answers)),
            (TCPIP, [_interfaces(answers)]),
            (DNS, [_servers(answers)]),
            (JOIN, [_join(answers)]),
            *_remote(answers),
            (DEPLOYMENT, [_run(answers, Pass.SPECIALIZE)]),
        ],
        Pass.AUDIT_USER: [
            (DEPLOYMENT, [_generalize(answers), _run(answers, Pass.AUDIT_USER)]),
        ],
        Pass.OOBE_SYSTEM: [
            (INTERNATIONAL, setup.locale(answers)),
            (SHELL, _first_use(answers)),
            (DEPLOYMENT, [_reseal(answers)]),
        ],
    }
    made = answer_file(
        {
            name: "".join(component(*entry, architecture) for entry in components)
            for name, components in wanted.items()
        }
    )
    if not answers.settings:
        return made
    # What a person names wins, as a second file would.
    return merge(made, assigned(answers.settings, architecture))


def _machine(answers: Answers) -> list[Item | None]:
    return [
        leaf("ComputerName", answers.computer_name),
        switch("CopyProfile", is_on=answers.copy_profile),
        group("OEMInformation", *(leaf(name, text) for name, text in sorted(answers.oem))),
        Item("ProductKey", answers.product_key.reveal()) if answers.product_key else None,
        leaf("RegisteredOrganization", answers.organization),
        leaf("RegisteredOwner", answers.owner),
        leaf("TimeZone", answers.time_zone),
    ]


def _interfaces(answers: Answers) -> Item | None:
    # The order of the settings is documented: UnicastIpAddresses, Prefix.
    items = [
        Item(
            "Interface",
            Item("Ipv4Settings", Item("DhcpEnabled", "false")),
            Item("Identifier", interface.identifier),
            Item("UnicastIpAddresses", *numbered("IpAddress", interface.addresses)),
            _routes(interface),
            key="",
        )
        for interface in answers.interfaces
        if interface.addresses
    ]
    return Item("Interfaces", *items) if items else None


def _routes(interface: NewInterface) -> Item | None:
    gateways = [gateway for gateway in (interface.gateway, *interface.gateways) if gateway]
    everything = [("::/0" if ":" in gateway else "0.0.0.0/0", gateway) for gateway in gateways]
    items = [
        Item(
            "Route",
            Item("Identifier", str(number)),
            Item("NextHopAddress", gateway),
            Item("Prefix", prefix),
            key="",
        )
        for number, (prefix, gateway) in enumerate([*everything, *interface.routes])
    ]
    return Item("Routes", *items) if items else None


def _servers(answers: Answers) -> Item | None:
    items = [
        Item(
            "Interface",
            Item("Identifier", interface.identifier),
            leaf("DNSDomain", interface.domain),
            Item("DNSServerSearchOrder", *numbered("IpAddress", interface.servers))
            if interface.servers
            else None,
            key="",
        )
        for interface in answers.interfaces
        if interface.servers or interface.domain
    ]
    return Item("Interfaces", *items) if items else None


def _join(answers: Answers) -> Item | None:
    join = answers.domain
    if join is None:
        return group("Identification", leaf("JoinWorkgroup", answers.workgroup))
    # A user may be given as DOMAIN\\user; the settings want the two apart. Beside a user principal name
    # there must be no Domain (documented: Credentials Username).
    domain, _, username = join.username.rpartition("\\")
    is_principal = "@" in username and not domain
    return Item(
        "Identification",
        Item(
            "Credentials",
            None if is_principal else Item("Domain", domain or join.domain),
            Item("Password", join.password.reveal()),
            Item("Username", username),
        ),
        Item("JoinDomain", join.domain),
        leaf("MachineObjectOU", join.unit),
    )


def _remote(answers: Answers) -> list[tuple[str, list[Item | None]]]:
    """Return the components of Remote Desktop and the firewall."""
    wanted = answers.remote_desktop
    names = ((REMOTE_DESKTOP_GROUP,) if wanted else ()) + answers.firewall_groups
    groups = [
        Item(
            "FirewallGroup",
            Item("Active", "true"),
            Item("Group", name),
            Item("Profile", "all"),
            key=f"Group{number}",
        )
        for number, name in enumerate(dict.fromkeys(names), 1)
    ]
    return [
        (REMOTE_DESKTOP, [Item("fDenyTSConnections", "false") if wanted else None]),
        (REMOTE_DESKTOP_STATION, [Item("UserAuthentication", "1") if wanted else None]),
        (FIREWALL, [Item("FirewallGroups", *groups) if groups else None]),
    ]


def _devices(answers: Answers) -> list[Item | None]:
    return [
        switch("DoNotCleanUpNonPresentDevices", is_on=answers.keep_absent_devices),
        switch("PersistAllDeviceInstalls", is_on=answers.persist_devices),
    ]


def _run(answers: Answers, name: Pass) -> Item | None:
    texts = [command for where, command in answers.run if where == name]
    if name == Pass.SPECIALIZE:
        texts = [*_policies(answers), *profile_commands(answers.wireless), *texts]
    return commands("RunSynchronous", "RunSynchronousCommand", "Path", tuple(texts))


def _policies(answers: Answers) -> list[str]:
    """Return commands for what no setting of answer files sets (documented: net accounts)."""
    policies = []
    if answers.password_days is not None:
        days = str(answers.password_days) if answers.password_days else "unlimited"
        policies.append(f"net.exe accounts /maxpwage:{days}")
    if answers.lockout_attempts is not None:
        policies.append(f"net.exe accounts /lockoutthreshold:{answers.lockout_attempts}")
    return policies


def _generalize(answers: Answers) -> Item | None:
    # Documented: Generalize is processed after all other settings of auditUser.
    if not answers.generalize:
        return None
    return Item("Generalize", Item("ForceShutdownNow", "true"), Item("Mode", "OOBE"))


def _first_use(answers: Answers) -> list[Item | None]:
    pages = ["HideEULAPage", "HideOnlineAccountScreens", "HideWirelessSetupInOOBE"]
    if 0 < answers.build < BUILDS["Windows 8"]:
        pages.remove("HideOnlineAccountScreens")  # Windows 7 stops at it
    hidden = [Item(name, "true") for name in pages]
    accounts = [
        Item(
            "LocalAccount",
            hidden_password("Password", account.password),
            leaf("DisplayName", account.display_name),
            Item("Group", ";".join(account.groups)),
            Item("Name", account.name),
            key="",
        )
        for account in answers.accounts
    ]
    users = [
        hidden_password("AdministratorPassword", answers.administrator_password),
        Item("LocalAccounts", *accounts) if accounts else None,
    ]
    first = ((LOGON_IS_OVER,) if answers.logon and answers.once else ()) + answers.commands
    return [
        _logon(answers),
        commands("FirstLogonCommands", "SynchronousCommand", "CommandLine", first),
        # 3: nothing is downloaded or sent unless somebody decides so (documented: ProtectYourPC).
        Item("OOBE", *hidden, Item("ProtectYourPC", "3")) if answers.hide_pages else None,
        group("UserAccounts", *users),
    ]


def _logon(answers: Answers) -> Item | None:
    if not answers.logon:
        return None
    name = answers.logon.casefold()
    passwords = {account.name.casefold(): account.password for account in answers.accounts}
    passwords["administrator"] = answers.administrator_password
    return Item(
        "AutoLogon",
        hidden_password("Password", passwords.get(name)),
        Item("Enabled", "true"),
        Item("LogonCount", "1" if answers.once else str(answers.logon_count)),
        Item("Username", answers.logon),
    )


def _reseal(answers: Answers) -> Item | None:
    # Documented: Boot Windows to Audit Mode or OOBE, with an answer file in the image.
    return Item("Reseal", Item("Mode", "Audit")) if answers.audit else None
