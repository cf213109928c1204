r"""Settings that are applied to an image at once: one row for each setting and each target.

Only settings whose final place is known have a row; all others are named, never ignored. If Windows itself
will run the pass at a later boot, a place that is only inferred is left to Windows. `CurrentControlSet`
means every control set of the image.

DNSDomain of DNS-Client has no row: it is written to `Domain` in `Tcpip\Parameters` (seen), but that
`NV Domain` gets the same is not confirmed, and one without the other would leave the hive with two
names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reseal.answerfile import Pass, Setting
from reseal.answerfile.components import (
    DRIVERS,
    JOIN,
    LICENSING,
    LUA,
    PNP_SYSPREP,
    REMOTE_DESKTOP,
    REMOTE_DESKTOP_STATION,
    SHELL,
)
from reseal.answerfile.requested import WOW64, components_of, settings_at
from reseal.answerfile.secrets import NotHiddenError
from reseal.errors import CheckError
from reseal.session import Mark
from reseal.unattend.accounts import add_account, add_domain_member, set_administrator_password
from reseal.unattend.applier import LATER, Applier, Left, Work, as_number, leaves
from reseal.unattend.auto_logon import WINLOGON, set_auto_logon
from reseal.unattend.drivers import ITEM, add_drivers
from reseal.unattend.present import STILL_TO_RUN
from reseal.unattend.time_zone import TIME_ZONE_INFORMATION, apply_time_zone


@dataclass(frozen=True, slots=True)
class Known:
    """How well the place of a setting is known.

    Attributes:
        mark: the mark of the source.
        source: the source.
        versions: the Windows versions that the source covers; empty if it names none.
    """

    mark: Mark
    source: str
    versions: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """The target of a setting, and the function that writes it.

    Attributes:
        component: the component.
        path: the setting; for a list, each of its items.
        to: the registry key, or the place in words.
        name: the registry value; empty if there are several.
        apply: the function that stages it.
        known: how well the place is known.
        passes: the passes in which it is applied.
        provider: the name under which the session records the changes.
        only_64_bit: whether the place exists only in 64-bit Windows.
    """

    component: str
    path: str
    to: str
    name: str
    apply: Applier
    known: Known
    passes: tuple[Pass, ...]
    provider: str = "answer-file-settings"
    only_64_bit: bool = False


#: The passes that an installed Windows does not run from an answer file after its generalization.
_AT_ONCE = (Pass.OFFLINE_SERVICING, Pass.GENERALIZE)
_CONTROL = r"HKLM\SYSTEM\CurrentControlSet\Control"
_TCPIP = r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"
_WINDOWS = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion"
_NT = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
_NT_32 = r"HKLM\SOFTWARE\WOW6432Node\Microsoft\Windows NT\CurrentVersion"
_STATION = rf"{_CONTROL}\Terminal Server\WinStations\RDP-Tcp"
_SPPNP = rf"{_WINDOWS}\Setup\Sysprep\Settings\sppnp"
_HIVES = Known(Mark.SEEN, "SYSTEM and SOFTWARE hives", "7 to 10")
_CAPITALS = Known(
    Mark.SEEN,
    "SYSTEM and SOFTWARE hives; that Windows writes the NetBIOS name in capitals is inferred",
    "7 to 10",
)
_PRESET = Known(
    Mark.SEEN, "a hive that Microsoft publishes for presetting the name of a Hyper-V guest"
)
_SCRIPTS = Known(Mark.REPORTED, "scripts of image builders that write it")
_OEM = Known(
    Mark.REPORTED,
    "value names: Unattended Windows Setup Reference, OEMInformation; key: image builders",
)
_POLICY = Known(
    Mark.INFERRED, "the policy of the same name; that the setting is written to it is not confirmed"
)
_ZONES = Known(Mark.SEEN, "SYSTEM hives; see reseal.unattend.time_zone", "7 and 10")
_LOGON = Known(Mark.REPORTED, "value names: Microsoft, Turn on automatic logon in Windows")
_SAM = Known(Mark.REPORTED, "see reseal.unattend.local_accounts", "8.1 and 10")
_FOLDERS = Known(Mark.REPORTED, "see reseal.drivers.add")


def _value(
    component: str,
    path: str,
    key: str,
    name: str,
    data: Callable[[str], str | int | None],
    known: Known,
    *,
    only_64_bit: bool = False,
) -> Row:
    """Return the row of a registry value; `data` returns its text or number, or None to leave it."""

    def apply(work: Work, setting: Setting) -> None:
        found = None if setting.children else data(setting.text)
        if found is None or not work.session.registry.locate(key):
            return
        if isinstance(found, int):
            work.session.set_number(key, name, found)
        else:
            work.session.set_text(key, name, found)
        work.applied.add(setting)

    passes = (*_AT_ONCE, *STILL_TO_RUN)
    return Row(component, path, key, name, apply, known, passes, only_64_bit=only_64_bit)


def _computer_name(text: str) -> str | None:
    return None if text in {"", "*"} else text  # Windows generates a random one


def _netbios_name(text: str) -> str | None:
    name = _computer_name(text)
    return name.upper() if name else None


def _preset(text: str) -> int | None:
    return 1 if _computer_name(text) else None


def _number(text: str) -> int | None:
    switch = {"true": 1, "false": 0}.get(text.casefold())
    return as_number(text) if switch is None else switch


_NAMES = rf"{_CONTROL}\ComputerName\ComputerName"
_DJOIN = r"HKLM\SYSTEM\Setup\DJOIN"
_OFFLINE = (Pass.OFFLINE_SERVICING,)
_ACCOUNTS = "OfflineUserAccounts"

# fmt: off
#: In the order of their application.
ROWS = (
    _value(SHELL, "ComputerName", _NAMES, "ComputerName", _netbios_name, _CAPITALS),
    _value(SHELL, "ComputerName", _TCPIP, "Hostname", _computer_name, _HIVES),
    _value(SHELL, "ComputerName", _TCPIP, "NV Hostname", _computer_name, _HIVES),
    _value(SHELL, "ComputerName", _DJOIN, "DismComputerNameSet", _preset, _PRESET),
    *(
        _value(SHELL, name, key, name, str, _SCRIPTS, only_64_bit=key == _NT_32)
        for name in ("RegisteredOwner", "RegisteredOrganization")
        for key in (_NT, _NT_32)
    ),
    *(
        _value(SHELL, f"OEMInformation/{name}", rf"{_WINDOWS}\OEMInformation", name, str, _OEM)
        for name in ("Manufacturer", "Model", "Logo", "SupportHours", "SupportPhone", "SupportURL")
    ),
    _value(LUA, "EnableLUA", rf"{_WINDOWS}\Policies\System", "EnableLUA", _number, _POLICY),
    _value(REMOTE_DESKTOP, "fDenyTSConnections", rf"{_CONTROL}\Terminal Server", "fDenyTSConnections",
           _number, _HIVES),
    *(
        _value(REMOTE_DESKTOP_STATION, name, _STATION, name, _number, _SCRIPTS)
        for name in ("UserAuthentication", "SecurityLayer")
    ),
    *(
        _value(PNP_SYSPREP, name, _SPPNP, name, _number, _SCRIPTS)
        for name in ("PersistAllDeviceInstalls", "DoNotCleanUpNonPresentDevices")
    ),
    _value(LICENSING, "SkipRearm", rf"{_NT}\SoftwareProtectionPlatform", "SkipRearm", _number, _SCRIPTS),
    Row(SHELL, "TimeZone", TIME_ZONE_INFORMATION, "", apply_time_zone, _ZONES, STILL_TO_RUN, "time-zone"),
    Row(SHELL, "AutoLogon", WINLOGON, "", set_auto_logon, _LOGON, STILL_TO_RUN, "auto-logon"),
    *(
        Row(SHELL, f"{_ACCOUNTS}/{path}", "SAM", "", apply, _SAM, _OFFLINE, "offline-accounts")
        for path, apply in (
            ("OfflineAdministratorPassword", set_administrator_password),
            ("OfflineLocalAccounts/LocalAccount", add_account),
            ("OfflineDomainAccounts/OfflineDomainAccount", add_domain_member),
        )
    ),
    Row(DRIVERS, ITEM, r"Drivers\reseal and DevicePath", "", add_drivers, _FOLDERS, _OFFLINE),
)
# fmt: on

_DOMAIN_JOIN = (
    "It is not known how Windows keeps the blob of an offline domain join; djoin.exe /requestODJ "
    "applies it in a running Windows."
)
_THIRTY_TWO_BITS = "It is for the 32-bit side of Windows, whose places are not known."
_RANDOM_NAME = "It requests a random name, which Windows generates at the first boot."
_NO_PLACE = "It is not known where Windows keeps it, so it can't be applied offline."


def apply_pass(work: Work, name: Pass) -> tuple[list[Setting], list[Left]]:
    """Stage the settings of a pass for which the table has a place.

    Returns:
        The leaves of the pass that were applied, and the others, each with the reason.

    Raises:
        CheckError: a password is marked as hidden but is not, or an account or a group is wrong.
        SamError: SAM is damaged, or its key is not in the image.
        UsageError: a driver folder can't be read, or holds no package that fits.
    """
    architecture = work.session.installation.architecture or ""
    by_windows = name not in _AT_ONCE
    for row in ROWS:
        if _applies(row, name, architecture):
            for setting in settings_at(work.document, name, row.component, row.path, architecture):
                _apply(row, work, setting)
    found = [
        leaf
        for component in components_of(work.document, name, architecture)
        for leaf in leaves(component)
    ]
    return [one for one in found if one in work.applied], [
        Left.of(one, work.reasons.get(one) or (LATER if by_windows else _reason(one)))
        for one in found
        if one not in work.applied
    ]


def _applies(row: Row, name: Pass, architecture: str) -> bool:
    """Whether a row holds in a pass; Windows itself applies what is only inferred."""
    if name not in row.passes or (row.only_64_bit and architecture == "x86"):
        return False
    return name in _AT_ONCE or row.known.mark is not Mark.INFERRED


def _apply(row: Row, work: Work, setting: Setting) -> None:
    try:
        with work.session.acting(row.provider, row.known.mark):
            row.apply(work, setting)
    except NotHiddenError as error:
        msg = f"A password in {work.document.name} is marked as hidden, but {error.message}."
        raise CheckError(msg, "Hide it with `reseal unattend hide-secrets`.") from None


def _reason(setting: Setting) -> str:
    """Return why a setting was not applied if no applier gave a reason."""
    name, path = setting.component.name.casefold(), setting.path.casefold()
    if name == JOIN.casefold() and path.startswith("offlineidentification"):
        return _DOMAIN_JOIN
    if (name, path) == (SHELL.casefold(), "computername"):
        return _RANDOM_NAME
    return _THIRTY_TWO_BITS if setting.component.architecture == WOW64 else _NO_PLACE
