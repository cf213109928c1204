r"""Where settings end up in the registry.

A table, not a mechanism: only settings whose final place is known stand in it, with the mark and
the source of that knowledge. `CurrentControlSet` means every control set of the image.

DNSDomain of DNS-Client does not: that it ends up in `Tcpip\Parameters` as `Domain` was seen, that
`NV Domain` beside it gets the same is not confirmed, and one without the other would leave the hive with
two names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.answerfile.components import (
    LICENSING,
    LUA,
    PNP_SYSPREP,
    REMOTE_DESKTOP,
    REMOTE_DESKTOP_STATION,
    SHELL,
)
from reseal.answerfile.offline import WOW64, components_of

if TYPE_CHECKING:
    from reseal.answerfile.document import AnswerFile, Setting
    from reseal.answerfile.passes import Pass

_CONTROL = r"HKLM\SYSTEM\CurrentControlSet\Control"
_TCPIP = r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"
_WINDOWS = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion"
_WINDOWS_NT = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
_WINDOWS_NT_32 = r"HKLM\SOFTWARE\WOW6432Node\Microsoft\Windows NT\CurrentVersion"
_STATION = rf"{_CONTROL}\Terminal Server\WinStations\RDP-Tcp"

SZ = "REG_SZ"
DWORD = "REG_DWORD"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a setting ends up.

    Attributes:
        component: the component.
        path: the setting.
        key: the registry key.
        name: the value.
        type: `REG_SZ` or `REG_DWORD`.
        mark: `documented`, `seen`, `reported` or `inferred`.
        source: where that is known from.
        only_64_bit: the key exists in 64-bit Windows only.
        constant: what is written there whatever the setting says.
        upper: the text is written in capitals.
    """

    component: str
    path: str
    key: str
    name: str
    type: str
    mark: str
    source: str
    only_64_bit: bool = False
    constant: int | None = None
    upper: bool = False


@dataclass(frozen=True, slots=True)
class RegistryValue:
    """A value to write: a text for `REG_SZ`, a number for `REG_DWORD`."""

    key: str
    name: str
    type: str
    data: str | int
    place: Place
    setting: Setting


_HIVES = "SYSTEM and SOFTWARE hives of Windows 7 to 10"
_SCRIPTS = "scripts of image builders that write it"
_OEM = "value names: Unattended Windows Setup Reference, OEMInformation; key: image builders"

PLACES = (
    Place(
        SHELL,
        "ComputerName",
        rf"{_CONTROL}\ComputerName\ComputerName",
        "ComputerName",
        SZ,
        "seen",
        f"{_HIVES}; that Windows writes the NetBIOS name in capitals is inferred",
        upper=True,
    ),
    Place(SHELL, "ComputerName", _TCPIP, "Hostname", SZ, "seen", _HIVES),
    Place(SHELL, "ComputerName", _TCPIP, "NV Hostname", SZ, "seen", _HIVES),
    Place(
        SHELL,
        "ComputerName",
        r"HKLM\SYSTEM\Setup\DJOIN",
        "DismComputerNameSet",
        DWORD,
        "seen",
        "a hive that Microsoft publishes for presetting the name of a Hyper-V guest",
        constant=1,
    ),
    *(
        place
        for name in ("RegisteredOwner", "RegisteredOrganization")
        for place in (
            Place(SHELL, name, _WINDOWS_NT, name, SZ, "reported", _SCRIPTS),
            Place(SHELL, name, _WINDOWS_NT_32, name, SZ, "reported", _SCRIPTS, only_64_bit=True),
        )
    ),
    *(
        Place(
            SHELL,
            f"OEMInformation/{name}",
            rf"{_WINDOWS}\OEMInformation",
            name,
            SZ,
            "reported",
            _OEM,
        )
        for name in (
            *("Manufacturer", "Model", "Logo"),
            *("SupportHours", "SupportPhone", "SupportURL"),
        )
    ),
    Place(
        LUA,
        "EnableLUA",
        rf"{_WINDOWS}\Policies\System",
        "EnableLUA",
        DWORD,
        "inferred",
        "the policy of the same name; that the setting ends up in it is not confirmed",
    ),
    Place(
        REMOTE_DESKTOP,
        "fDenyTSConnections",
        rf"{_CONTROL}\Terminal Server",
        "fDenyTSConnections",
        DWORD,
        "seen",
        _HIVES,
    ),
    Place(
        REMOTE_DESKTOP_STATION,
        "UserAuthentication",
        _STATION,
        "UserAuthentication",
        DWORD,
        "reported",
        _SCRIPTS,
    ),
    Place(
        REMOTE_DESKTOP_STATION,
        "SecurityLayer",
        _STATION,
        "SecurityLayer",
        DWORD,
        "reported",
        _SCRIPTS,
    ),
    *(
        Place(
            PNP_SYSPREP,
            name,
            rf"{_WINDOWS}\Setup\Sysprep\Settings\sppnp",
            name,
            DWORD,
            "reported",
            _SCRIPTS,
        )
        for name in ("PersistAllDeviceInstalls", "DoNotCleanUpNonPresentDevices")
    ),
    Place(
        LICENSING,
        "SkipRearm",
        rf"{_WINDOWS_NT}\SoftwareProtectionPlatform",
        "SkipRearm",
        DWORD,
        "reported",
        _SCRIPTS,
    ),
)


def placed(
    document: AnswerFile, name: Pass, architecture: str = ""
) -> tuple[list[RegistryValue], list[Setting]]:
    """Return the registry values that a pass comes to, and its leaves that have no known place.

    Args:
        document: the answer file.
        name: the pass.
        architecture: of the image; empty for any. A 32-bit image has no WOW6432Node.
    """
    values: list[RegistryValue] = []
    rest: list[Setting] = []
    for component in components_of(document, name, architecture):
        for setting in component.settings():
            if setting.children:
                continue
            found = [] if component.architecture == WOW64 else _values(setting, architecture)
            values += found
            if not found:
                rest.append(setting)
    return values, rest


def _values(setting: Setting, architecture: str) -> list[RegistryValue]:
    values: list[RegistryValue] = []
    for place in PLACES:
        if (
            place.component.casefold() != setting.component.name.casefold()
            or place.path.casefold() != setting.path.casefold()
            or (place.only_64_bit and architecture == "x86")
        ):
            continue
        data = _data(place, setting.text)
        if data is not None:
            values.append(RegistryValue(place.key, place.name, place.type, data, place, setting))
    return values


def _data(place: Place, text: str) -> str | int | None:
    """Return what is to be written; None where the setting leaves it to Windows."""
    if place.path == "ComputerName" and text in {"", "*"}:
        return None  # a random name, which Windows makes at the first boot
    if place.constant is not None:
        return place.constant
    if place.type == SZ:
        return text.upper() if place.upper else text
    switch = {"true": 1, "false": 0}.get(text.casefold())
    if switch is not None:
        return switch
    return int(text) if text.isdecimal() and int(text[:11]) < 2**32 else None
