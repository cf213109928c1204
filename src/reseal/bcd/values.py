"""The data of elements as Python values and as bcdedit's text.

The values of each format are documented (Microsoft, BCD Reference, BcdElementType and the element
classes). The registry types are seen in real stores: devices and numbers are REG_BINARY; integers have
8 bytes in stores and fewer in BCD-Template, booleans 1; strings and objects are REG_SZ, lists of objects
REG_MULTI_SZ.
"""

from __future__ import annotations

import struct
from typing import TypeAlias
from uuid import UUID

from reseal.bcd import devices
from reseal.bcd.devices import DeviceValue
from reseal.bcd.elements import Format
from reseal.bcd.errors import BcdUsageError
from reseal.regf import types

#: Bytes are data that does not fit the element's format; they are preserved.
Value: TypeAlias = DeviceValue | str | UUID | list[UUID] | int | bool | list[int] | bytes

_INTEGER = 8

_YES = {"yes": True, "on": True, "true": True, "1": True}
_NO = {"no": False, "off": False, "false": False, "0": False}

#: Names of the values of integer elements, by the element's name (documented: `bcdedit /set`; the
#: enumerations of the BCD Reference).
_CHOICES: dict[str, tuple[str, ...]] = {
    "nx": ("OptIn", "OptOut", "AlwaysOff", "AlwaysOn"),
    "pae": ("Default", "ForceEnable", "ForceDisable"),
    "bootmenupolicy": ("Legacy", "Standard"),
    "bootux": ("Disabled", "Basic", "Standard"),
    "bootstatuspolicy": (
        *("DisplayAllFailures", "IgnoreAllFailures", "IgnoreShutdownFailures"),
        *("IgnoreBootFailures", "IgnoreCheckpointFailures", "DisplayShutdownFailures"),
        *("DisplayBootFailures", "DisplayCheckpointFailures"),
    ),
    "configaccesspolicy": ("Default", "DisallowMmConfig"),
    "debugstart": ("Active", "AutoEnable", "Disable"),
    "debugtype": ("Serial", "1394", "USB", "NET", "Local"),
    "displaymessage": (
        *("Default", "Resume", "HyperV", "Recovery", "StartupRepair", "SystemImageRecovery"),
        *("CommandPrompt", "SystemRestore", "PushButtonReset"),
    ),
    "driverloadfailurepolicy": ("Fatal", "UseErrorControl"),
    "firstmegabytepolicy": ("UseNone", "UseAll", "UsePrivate"),
    "graphicsresolution": ("1024x768", "800x600", "1024x600"),
    "hypervisordebugtype": ("Serial", "1394", "Net"),
    "hypervisorlaunchtype": ("Off", "Auto"),
    "integrityservices": ("Default", "Enable"),
    "msi": ("Default", "ForceDisable"),
    "pciexpress": ("Default", "ForceDisable"),
    "safeboot": ("Minimal", "Network", "DsRepair"),
    "tscsyncpolicy": ("Default", "Legacy", "Enhanced"),
    "vsmlaunchtype": ("Off", "Auto"),
    "x2apicpolicy": ("Default", "Disable", "Enable"),
}
_CHOICES["displaymessageoverride"] = _CHOICES["displaymessage"]

#: Addresses and flags, which are shown in hexadecimal, as are elements without a name. Other integers
#: are amounts or counts, and are shown in decimal.
_HEXADECIMAL = frozenset({
    "truncatememory", "relocatephysical", "avoidlowmemory", "debugaddress", "kerneldebugaddress",
    "allowedinmemorysettings", "badmemorylist", "hostip", "hypervisorhostip", "kernelhostip",
})  # fmt: skip


# Complex: one case for each format of elements.
def decode(form: int, kind: int, data: bytes) -> Value:
    """Decode an element's data.

    Args:
        form: the element's format.
        kind: the type of the registry value.
        data: its data.

    Returns:
        The value, or the bytes if they do not fit the format.
    """
    raw = types.decode(kind, data)
    binary = isinstance(raw, bytes)
    match form:
        case Format.DEVICE if binary:
            return devices.decode(data) or data
        case Format.STRING if isinstance(raw, str):
            return raw
        case Format.OBJECT if isinstance(raw, str):
            return guid(raw) or data
        case Format.OBJECT_LIST if isinstance(raw, list):
            found = [guid(text) for text in raw]
            return [one for one in found if one] if None not in found else data
        case Format.INTEGER if binary and 0 < len(data) <= _INTEGER:
            return int.from_bytes(data, "little")
        case Format.BOOLEAN if binary and 0 < len(data) <= 2:
            return any(data)
        case Format.INTEGER_LIST if binary and len(data) % _INTEGER == 0:
            return list(struct.unpack(f"<{len(data) // _INTEGER}Q", data))
    return data


def encode(form: int, value: Value) -> tuple[int, bytes]:
    """Encode an element's value as the type and data of a registry value.

    Raises:
        BcdUsageError: an element of this format can't hold the value.
    """
    match value:
        case bytes():
            return types.REG_BINARY, value
        case DeviceValue() if form == Format.DEVICE:
            return types.REG_BINARY, devices.encode(value)
        case str() if form == Format.STRING:
            return types.REG_SZ, types.encode(types.REG_SZ, value)
        case UUID() if form == Format.OBJECT:
            return types.REG_SZ, types.encode(types.REG_SZ, f"{{{value}}}")
        case list() if form == Format.OBJECT_LIST:
            listed = [f"{{{one}}}" for one in value]
            return types.REG_MULTI_SZ, types.encode(types.REG_MULTI_SZ, listed)
        case bool() if form == Format.BOOLEAN:
            return types.REG_BINARY, bytes([value])
        case int() if form == Format.INTEGER and 0 <= value < 1 << 64:
            return types.REG_BINARY, value.to_bytes(_INTEGER, "little")
        case list() if form == Format.INTEGER_LIST:
            numbers = [one for one in value if isinstance(one, int) and 0 <= one < 1 << 64]
            return types.REG_BINARY, struct.pack(f"<{len(numbers)}Q", *numbers)
    msg = f"{value!r} does not fit the format of the element."
    raise BcdUsageError(msg)


def show_number(name: str, number: int) -> str:
    """Format an integer as bcdedit does for the element with this name."""
    choices = _CHOICES.get(name, ())
    if number < len(choices):
        return choices[number]
    if name in _HEXADECIMAL or name.startswith("custom:"):
        return f"{number:#x}"
    return str(number)


def parse_number(name: str, text: str) -> int:
    """Parse an integer: a name such as `OptIn`, a decimal number, or a number with 0x.

    Raises:
        BcdUsageError: the text is none of these.
    """
    choices = _CHOICES.get(name, ())
    for number, choice in enumerate(choices):
        if choice.lower() == text.lower():
            return number
    try:
        number = int(text, 0)
    except ValueError:
        number = -1
    if 0 <= number < 1 << 64:
        return number
    msg = f"{text} is not a value of {name}."
    taken = f"{name} takes {', '.join(choices)}." if choices else f"{name} takes a number."
    raise BcdUsageError(msg, taken)


def parse_boolean(name: str, text: str) -> bool:
    """Parse a boolean: yes or no, on or off, true or false.

    Raises:
        BcdUsageError: the text is none of these.
    """
    found = (_YES | _NO).get(text.lower())
    if found is None:
        msg = f"{text} is not a value of {name}."
        raise BcdUsageError(msg, f"{name} takes yes or no.")
    return found


def guid(text: str) -> UUID | None:
    """Parse a GUID as stores write it, `{…}` with hyphens; None for any other form."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if f"{{{found}}}" == text.lower() else None
