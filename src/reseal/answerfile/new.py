"""Make an answer file from answers.

Every file has one architecture (documented: Best Practices for Authoring Answer Files, Use Separate
Answer Files to Deploy to Multiple Architecture Types). Passwords are hidden as Windows hides them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.answerfile.components import (
    DEPLOYMENT,
    DNS,
    INTERNATIONAL,
    JOIN,
    SHELL,
    TCPIP,
)
from reseal.answerfile.document import UNATTEND, WCM, AnswerFile
from reseal.answerfile.layout import formatted
from reseal.answerfile.markup import escaped, quoted
from reseal.answerfile.passes import Pass
from reseal.answerfile.rules.structure import IDENTITY
from reseal.answerfile.secrets import hide

if TYPE_CHECKING:
    from reseal.answerfile.secrets import Secret

#: Groups of a new account, where none is asked for.
DEFAULT_GROUPS = ("Users",)


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
    """

    identifier: str
    addresses: tuple[str, ...]
    gateway: str = ""
    servers: tuple[str, ...] = ()
    domain: str = ""


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
        keyboard: an input locale; `locale` where empty.
        logon: the account that logs on by itself, or empty.
        logon_count: how often; Windows adds one.
        commands: commands for the first logon.
        audit: boot to audit mode instead of the out-of-box experience.
        copy_profile: the profile of the built-in Administrator becomes the default profile.
        hide_pages: answer the pages of the out-of-box experience that can be hidden.
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


class _Item:
    """An element with what is in it; with a key, also an empty one, it is a list item."""

    def __init__(self, name: str, *content: _Item | str | None, key: str | None = None) -> None:
        self._name = name
        self._content = [part for part in content if part is not None]
        self._key = key

    def markup(self) -> str:
        name = self._name
        action = "" if self._key is None else ' wcm:action="add"'
        key = f" wcm:keyValue={quoted(self._key)}" if self._key else ""
        inside = "".join(p.markup() if isinstance(p, _Item) else escaped(p) for p in self._content)
        return f"<{name}{action}{key}>{inside}</{name}>"


def make(answers: Answers, architecture: str = "amd64") -> AnswerFile:
    """Return a new answer file. Its form is checked by `check`, as that of any other.

    Args:
        answers: what it is to say.
        architecture: of the Windows it is for: `x86`, `amd64` or `arm64`.
    """
    wanted: dict[Pass, list[tuple[str, list[_Item | None]]]] = {
        Pass.SPECIALIZE: [
            (SHELL, _machine(answers)),
            (INTERNATIONAL, _locale(answers)),
            (TCPIP, [_interfaces(answers)]),
            (DNS, [_servers(answers)]),
            (JOIN, [_join(answers)]),
        ],
        Pass.OOBE_SYSTEM: [
            (INTERNATIONAL, _locale(answers)),
            (SHELL, _first_use(answers)),
            (DEPLOYMENT, [_reseal(answers)]),
        ],
    }
    passes = "".join(
        element("settings", {"pass": name}, inside)
        for name, components in wanted.items()
        if (inside := "".join(_component(*entry, architecture) for entry in components))
    )
    root = element("unattend", {"xmlns": UNATTEND, "xmlns:wcm": WCM}, passes)
    text = f'<?xml version="1.0" encoding="utf-8"?>\n{root}\n'
    return formatted(AnswerFile(text.encode(), "unattend.xml"))


def element(name: str, attributes: dict[str, str], *inside: str) -> str:
    """Return the markup of an element; what is inside is markup already."""
    written = "".join(f" {key}={quoted(value)}" for key, value in attributes.items())
    return f"<{name}{written}>{''.join(inside)}</{name}>"


def identity(component: str, architecture: str) -> dict[str, str]:
    """Return the attributes by which Windows knows a component."""
    return {**IDENTITY, "name": component, "processorArchitecture": architecture}


def _component(name: str, items: list[_Item | None], architecture: str) -> str:
    inside = "".join(item.markup() for item in items if item is not None)
    return element("component", identity(name, architecture), inside) if inside else ""


def _leaf(name: str, text: str) -> _Item | None:
    return _Item(name, text) if text else None


def _machine(answers: Answers) -> list[_Item | None]:
    return [
        _leaf("ComputerName", answers.computer_name),
        _Item("CopyProfile", "true") if answers.copy_profile else None,
        _Item("ProductKey", answers.product_key.reveal()) if answers.product_key else None,
        _leaf("RegisteredOrganization", answers.organization),
        _leaf("RegisteredOwner", answers.owner),
        _leaf("TimeZone", answers.time_zone),
    ]


def _locale(answers: Answers) -> list[_Item | None]:
    return [
        _leaf("InputLocale", answers.keyboard or answers.locale),
        _leaf("SystemLocale", answers.locale),
        _leaf("UILanguage", answers.language or answers.locale),
        _leaf("UserLocale", answers.locale),
    ]


def _interfaces(answers: Answers) -> _Item | None:
    # The order of the settings is documented: UnicastIpAddresses, Prefix.
    items = [
        _Item(
            "Interface",
            _Item("Ipv4Settings", _Item("DhcpEnabled", "false")),
            _Item("Identifier", interface.identifier),
            _Item("UnicastIpAddresses", *_numbered("IpAddress", interface.addresses)),
            _route(interface.gateway),
            key="",
        )
        for interface in answers.interfaces
        if interface.addresses
    ]
    return _Item("Interfaces", *items) if items else None


def _route(gateway: str) -> _Item | None:
    if not gateway:
        return None
    everything = "::/0" if ":" in gateway else "0.0.0.0/0"
    route = _Item(
        "Route",
        _Item("Identifier", "0"),
        _Item("NextHopAddress", gateway),
        _Item("Prefix", everything),
        key="",
    )
    return _Item("Routes", route)


def _servers(answers: Answers) -> _Item | None:
    items = [
        _Item(
            "Interface",
            _Item("Identifier", interface.identifier),
            _leaf("DNSDomain", interface.domain),
            _Item("DNSServerSearchOrder", *_numbered("IpAddress", interface.servers))
            if interface.servers
            else None,
            key="",
        )
        for interface in answers.interfaces
        if interface.servers or interface.domain
    ]
    return _Item("Interfaces", *items) if items else None


def _numbered(name: str, texts: tuple[str, ...]) -> list[_Item]:
    return [_Item(name, text, key=str(number)) for number, text in enumerate(texts, 1)]


def _join(answers: Answers) -> _Item | None:
    join = answers.domain
    if join is None:
        workgroup = _leaf("JoinWorkgroup", answers.workgroup)
        return _Item("Identification", workgroup) if workgroup else None
    # A user may be given as DOMAIN\user; the settings want the two apart.
    domain, _, username = join.username.rpartition("\\")
    return _Item(
        "Identification",
        _Item(
            "Credentials",
            _Item("Domain", domain or join.domain),
            _Item("Password", join.password.reveal()),
            _Item("Username", username),
        ),
        _Item("JoinDomain", join.domain),
        _leaf("MachineObjectOU", join.unit),
    )


def _first_use(answers: Answers) -> list[_Item | None]:
    pages = ("HideEULAPage", "HideOnlineAccountScreens", "HideWirelessSetupInOOBE")
    hidden = [_Item(name, "true") for name in pages]
    accounts = [
        _Item(
            "LocalAccount",
            _password("Password", account.password),
            _leaf("DisplayName", account.display_name),
            _Item("Group", ";".join(account.groups)),
            _Item("Name", account.name),
            key="",
        )
        for account in answers.accounts
    ]
    users = [
        _password("AdministratorPassword", answers.administrator_password),
        _Item("LocalAccounts", *accounts) if accounts else None,
    ]
    commands = [
        _Item("SynchronousCommand", _Item("CommandLine", command), _Item("Order", str(n)), key="")
        for n, command in enumerate(answers.commands, 1)
    ]
    return [
        _logon(answers),
        _Item("FirstLogonCommands", *commands) if commands else None,
        # 3: nothing is downloaded or sent unless somebody decides so (documented: ProtectYourPC).
        _Item("OOBE", *hidden, _Item("ProtectYourPC", "3")) if answers.hide_pages else None,
        _Item("UserAccounts", *users) if any(users) else None,
    ]


def _logon(answers: Answers) -> _Item | None:
    if not answers.logon:
        return None
    name = answers.logon.casefold()
    passwords = {account.name.casefold(): account.password for account in answers.accounts}
    passwords["administrator"] = answers.administrator_password
    return _Item(
        "AutoLogon",
        _password("Password", passwords.get(name)),
        _Item("Enabled", "true"),
        _Item("LogonCount", str(answers.logon_count)),
        _Item("Username", answers.logon),
    )


def _password(name: str, password: Secret | None) -> _Item | None:
    if password is None:
        return None
    hidden = hide(password.reveal(), name)
    return _Item(name, _Item("Value", hidden), _Item("PlainText", "false"))


def _reseal(answers: Answers) -> _Item | None:
    # Documented: Boot Windows to Audit Mode or OOBE, with an answer file in the image.
    return _Item("Reseal", _Item("Mode", "Audit")) if answers.audit else None
