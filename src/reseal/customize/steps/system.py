"""Steps on settings of the system."""

from __future__ import annotations

from reseal.customize.step import Argument, Group, Kind, step
from reseal.mark import Mark

_STARTS = ("auto", "start", "delayed", "manual", "disabled")


@step(
    "timezone",
    Group.SYSTEM,
    Argument("zone", "the name that Windows gives a time zone, in English"),
    mark=Mark.SEEN,
    source="TimeZoneInformation in real hives of Windows 7 to 10",
    example=("W. Europe Standard Time",),
    work="reseal.customize.system:timezone",
)
def timezone() -> None:
    """Set the time zone.

    What has to be written comes from the image's own list of time zones. With _dstoff behind the name
    there is no daylight saving time.
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
    """Set formats, keyboard and system locale, and the language of Windows where the image has it.

    Windows itself carries that out at its first boot: it goes into the answer file, for specialize and
    OOBE. The language stays as it is where the image has no language pack for another.
    """


@step(
    "service",
    Group.SYSTEM,
    Argument("name", "the name of a service, not the one that is displayed", Kind.NAME),
    Argument("start", f"one of {', '.join(_STARTS)}; start is auto", choices=_STARTS),
    mark=Mark.DOCUMENTED,
    source="Microsoft, CreateService; Services Registry Tree",
    example=("wuauserv:disabled",),
    work="reseal.customize.system:Service",
)
def service() -> None:
    """Say when a service starts. Drivers are refused, since a boot may hang on them."""


@step(
    "enable-rdp",
    Group.SYSTEM,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, TerminalServices and FirewallGroups",
    work="reseal.customize.remote:enable_rdp",
)
def enable_rdp() -> None:
    """Allow Remote Desktop, with Network Level Authentication, and open the firewall for it."""


@step(
    "enable-winrm",
    Group.SYSTEM,
    mark=Mark.DOCUMENTED,
    source="Microsoft, Installation and configuration for Windows Remote Management",
    work="reseal.customize.remote:enable_winrm",
)
def enable_winrm() -> None:
    """Let Windows Remote Management start by itself and listen, and open the firewall for it.

    It listens for HTTP on every address, as the policy "Allow remote server management through WinRM"
    makes it. Windows lets local accounts other than the built-in Administrator do little over the
    network; that stays so.
    """


@step(
    "default-profile-from",
    Group.SYSTEM,
    Argument("user", "whose profile it is: a local account, or the name of its folder", Kind.NAME),
    mark=Mark.INFERRED,
    source="Microsoft, Customize the Default User Profile by Using CopyProfile",
    example=("Administrator",),
    work="reseal.customize.profile:default_profile_from",
)
def default_profile_from() -> None:
    """Make the default profile, with which new accounts start, of somebody's.

    What tells whose it was is taken out: identifiers, absolute paths, recent files, passwords, caches.
    Accounts that have a profile keep theirs.
    """
