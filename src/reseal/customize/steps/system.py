"""Steps that change system settings."""

from __future__ import annotations

from reseal.customize.step import Argument, Group, Kind, step
from reseal.mark import Mark

_STARTS = ("auto", "start", "delayed", "manual", "disabled")


@step(
    "timezone",
    Group.SYSTEM,
    Argument("zone", "Windows' English name of a time zone"),
    mark=Mark.SEEN,
    source="TimeZoneInformation in real hives of Windows 7 to 10",
    example=("W. Europe Standard Time",),
    work="reseal.customize.system:timezone",
)
def timezone() -> None:
    """Set the time zone.

    The values come from the image's own list of time zones. The suffix _dstoff turns daylight saving
    time off.
    """


@step(
    "locale",
    Group.SYSTEM,
    Argument("locale", "a language tag, such as de-DE"),
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, Microsoft-Windows-International-Core",
    example=("de-DE",),
    work="reseal.customize.system:Locale",
)
def locale() -> None:
    """Set formats, keyboard and system locale, and the display language if the image has it.

    Windows applies these at its first boot: they go into the answer file, for specialize and OOBE. If the
    image has no language pack for the language, the display language stays.
    """


@step(
    "service",
    Group.SYSTEM,
    Argument("name", "the name of a service, not its display name", Kind.NAME),
    Argument("start", f"one of {', '.join(_STARTS)}; start means auto", choices=_STARTS),
    mark=Mark.DOCUMENTED,
    source="Microsoft, CreateService; Services Registry Tree",
    example=("wuauserv:disabled",),
    work="reseal.customize.system:Service",
)
def service() -> None:
    """Set how a service starts. Drivers are refused, since the boot may depend on them."""


@step(
    "reset-addresses",
    Group.SYSTEM,
    mark=Mark.DOCUMENTED,
    source="Microsoft, TCP/IP and NBT configuration parameters (KB314053); NetworkAddress: the setting of "
    "network drivers; that nothing else in the image keeps the address: inferred",
    work="reseal.customize.system:reset_addresses",
)
def reset_addresses() -> None:
    """Return network adapters to DHCP and to their own MAC address.

    This removes IPv4 addresses and gateways set by hand, and NetworkAddress. DNS servers set by hand stay,
    and so do IPv6 addresses, whose place in the registry has no documented layout. VM mode keeps adapters,
    so without this step all copies share such addresses.
    """


@step(
    "drop-cached-unattend",
    Group.SYSTEM,
    mark=Mark.DOCUMENTED,
    source="Microsoft, Windows Setup Automation Overview: Implicit Answer File Search Order",
    work="reseal.customize.system:drop_cached_unattend",
)
def drop_cached_unattend() -> None:
    r"""Delete the answer files that Windows keeps in Panther, so that no later boot uses them.

    These are Panther\unattend.xml and the files in Panther\Unattend. Give this step before steps that add to
    the answer file. An answer file given with --unattend replaces the cached one anyway.
    """


@step(
    "enable-rdp",
    Group.SYSTEM,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, TerminalServices and FirewallGroups",
    work="reseal.customize.remote:enable_rdp",
)
def enable_rdp() -> None:
    """Allow Remote Desktop with Network Level Authentication, and open the firewall for it."""


@step(
    "enable-winrm",
    Group.SYSTEM,
    mark=Mark.DOCUMENTED,
    source="Microsoft, Installation and configuration for Windows Remote Management",
    work="reseal.customize.remote:enable_winrm",
)
def enable_winrm() -> None:
    """Start Windows Remote Management automatically, and open the firewall for it.

    It listens for HTTP on every address, as with the policy "Allow remote server management through
    WinRM". Windows restricts local accounts other than the built-in Administrator over the network; that
    does not change.
    """


@step(
    "default-profile-from",
    Group.SYSTEM,
    Argument("user", "a local account, or the name of its profile folder", Kind.NAME),
    mark=Mark.INFERRED,
    source="Microsoft, Customize the Default User Profile by Using CopyProfile",
    example=("Administrator",),
    work="reseal.customize.profile:default_profile_from",
)
def default_profile_from() -> None:
    """Use USER's profile as the default profile for new accounts.

    The user's traces are removed: identifiers, absolute paths, recent files, passwords, caches. Existing
    profiles stay.
    """
