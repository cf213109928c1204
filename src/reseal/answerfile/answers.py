"""The content of a new answer file, as a user asks for it."""

from __future__ import annotations

from dataclasses import dataclass

from reseal.answerfile.assignment import Assignment
from reseal.answerfile.secrets import Secret

#: Groups of a new account, where none is asked for.
DEFAULT_GROUPS = ("Users",)


@dataclass(frozen=True, slots=True)
class WirelessNetwork:
    """A wireless network; without a password it is open, with one it is WPA2-Personal."""

    name: str
    password: Secret | None = None


@dataclass(frozen=True, slots=True)
class FullSetup:
    """A disk to lay out, and an image to choose.

    Attributes:
        firmware: `uefi` or `bios`.
        disk: the number of the disk, which is wiped.
        image: the name of the image or its index; empty where the product key chooses.
    """

    firmware: str = "uefi"
    disk: int = 0
    image: str = ""


@dataclass(frozen=True, slots=True)
class NewAccount:
    """Add a local account. Repeatable."""

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
    """The content of the new file; empty fields are left out.

    Attributes:
        computer_name: a name, or `*` for a random one.
        language: of Windows itself; `locale` where empty.
        keyboard: an input locale, or several with semicolons; `locale` where empty.
        logon: the account that logs on automatically, or empty.
        logon_count: how often; Windows adds one.
        commands: commands for the first logon.
        audit: boot to audit mode instead of the out-of-box experience.
        copy_profile: the profile of the built-in Administrator becomes the default profile.
        hide_pages: answer the pages of the out-of-box experience that can be hidden.
        fallback_language: of Windows, where `language` lacks a text.
        once: the account logs on automatically exactly once.
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
        settings: any other settings; they take precedence.
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
