"""The data of elements as Python values, as bcdedit shows them and as it takes them.

How a format is stored: documented (Microsoft, BCD Reference, BcdElementType and the classes of
elements) for the values, seen in real stores for the types of the registry: a device and numbers are
REG_BINARY, an integer with 8 bytes in stores and fewer in BCD-Template, a boolean with 1; a string and
an object are REG_SZ, a list of objects is REG_MULTI_SZ.
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

#: Bytes are data that does not fit the element's format; they are kept as they are.
Value: TypeAlias = DeviceValue | str | UUID | list[UUID] | int | bool | list[int] | bytes

_INTEGER = 8

_YES = {"yes": True, "on": True, "true": True, "1": True}
_NO = {"no": False, "off": False, "false": False, "0": False}

#: Names of the values of integer elements (documented: `bcdedit /set`; the enumerations of the BCD
#: Reference), by the element's name.
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

#: Integers that are amounts or counts are shown in decimal, as are all of these; addresses, flags
#: and what has no name are shown in hexadecimal.
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
        The value; the bytes themselves where they do not fit the format.
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
    """Return the type and data of the registry value that holds an element's value.

    Raises:
        BcdUsageError: an element of this format can't hold it.
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
    """Show an integer as bcdedit does, by the name of its element."""
    choices = _CHOICES.get(name, ())
    if number < len(choices):
        return choices[number]
    if name in _HEXADECIMAL or name.startswith("custom:"):
        return f"{number:#x}"
    return str(number)


def parse_number(name: str, text: str) -> int:
    """Read an integer: a name such as `OptIn`, or a number in decimal or with 0x.

    Raises:
        BcdUsageError: it is neither.
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
    msg = f"{text} is no value of {name}."
    taken = f"{name} takes {', '.join(choices)}." if choices else f"{name} takes a number."
    raise BcdUsageError(msg, taken)


def parse_boolean(name: str, text: str) -> bool:
    """Read a boolean: yes or no, on or off, true or false.

    Raises:
        BcdUsageError: it is none of them.
    """
    found = (_YES | _NO).get(text.lower())
    if found is None:
        msg = f"{text} is no value of {name}."
        raise BcdUsageError(msg, f"{name} takes yes or no.")
    return found


def guid(text: str) -> UUID | None:
    """Read a GUID in the form that stores have, `{…}` with hyphens; None where it has another."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if f"{{{found}}}" == text.lower() else None
