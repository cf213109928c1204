"""Make an answer file from answers.

Every file has one architecture (documented: Best Practices for Authoring Answer Files, Use Separate
Answer Files to Deploy to Multiple Architecture Types). Passwords are hidden as Windows hides them.
"""

from __future__ import annotations

from reseal.answerfile import setup
from reseal.answerfile.answers import Answers, NewInterface
from reseal.answerfile.assignment import assigned
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
from reseal.answerfile.document import AnswerFile
from reseal.answerfile.merge import merge
from reseal.answerfile.passes import Pass
from reseal.answerfile.schema import BUILDS
from reseal.answerfile.wireless import profile_commands

#: The group of the firewall's rules for Remote Desktop, the same in every language (seen: answer
#: files of image builders).
REMOTE_DESKTOP_GROUP = "@FirewallAPI.dll,-28752"

#: Windows adds one to LogonCount 1, so that there would be two logons (documented: LogonCount).
LOGON_IS_OVER = (
    r'reg.exe add "HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon" '
    "/v AutoLogonCount /t REG_DWORD /d 0 /f"
)


def make(answers: Answers, architecture: str = "amd64") -> AnswerFile:
    """Return a new answer file. Its form is checked by `check`, as that of any other.

    Args:
        answers: its content.
        architecture: of the Windows it is for: `x86`, `amd64` or `arm64`.
    """
    wanted: dict[Pass, list[tuple[str, list[Item | None]]]] = {
        Pass.WINDOWS_PE: setup.components(answers),
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
    # Explicit settings take precedence, as a second file would.
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
        # 3: nothing is downloaded or sent without the user's consent (documented: ProtectYourPC).
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
