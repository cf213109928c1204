r"""Format and parse the values of elements in bcdedit's syntax.

bcdedit names a partition by its drive letter on the running machine. A powered-off image has no drive
letters, so a partition is written as its number in the image (`partition=3`). A partition outside the
image is written with the ids in the store: `partition={partition}@{disk}` (GPT),
`partition=OFFSET@SIGNATURE` (MBR, hexadecimal). A located device shows the path that is searched for, as
in bcdedit; `locate=unknown` if the object lacks the element that should hold the path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias
from uuid import UUID

from reseal.bcd import elements, objects, values
from reseal.bcd.devices import (
    NO_OPTIONS,
    Boot,
    Device,
    DeviceValue,
    File,
    GptPartition,
    Locate,
    MbrPartition,
    RamDisk,
    Raw,
    VirtualDisk,
)
from reseal.bcd.elements import Format
from reseal.bcd.errors import BcdUsageError
from reseal.bcd.store import BcdObject, Element, Store
from reseal.bcd.values import Value

#: The partitions of the image as devices, with their numbers.
Places: TypeAlias = "Mapping[Device, int]"

_SHOWN_BYTES = 64
_FORMS_HINT = (
    r"Devices are boot, partition=N, locate, locate=custom:12000002, locate=\path, file=[N]\path, "
    r"ramdisk=[N]\path,{options} or vhd=[N]\path."
)
_GPT = re.compile(r"\{([0-9a-f-]{36})\}@\{([0-9a-f-]{36})\}", re.IGNORECASE)
_MBR = re.compile(r"0x([0-9a-f]{1,16})@([0-9a-f]{8})", re.IGNORECASE)
_IN_FILE = re.compile(r"(file|ramdisk|vhd)=\[([^]]+)\](\\[^,]*)(?:,(.+))?", re.IGNORECASE)
_CUSTOM = re.compile(r"custom:(?:0x)?([0-9a-f]{8})", re.IGNORECASE)


class Notation:
    """Format and parse the values of one object of a store.

    Args:
        store: provides the names of objects.
        one: the object that has the elements.
        places: the partitions of the image that holds the store; empty for a separate store.
    """

    def __init__(self, store: Store, one: BcdObject, places: Places | None = None) -> None:
        self._store = store
        self._object = one
        self._places = places or {}

    # Formatting

    def show(self, element: Element) -> list[str]:
        """Format an element's value, one line for each item of a list."""
        value = element.value
        match value:
            case DeviceValue():
                return [self.device(value)]
            case bool():
                return ["Yes" if value else "No"]
            case int():
                return [values.show_number(element.name, value)]
            case UUID():
                return [self._store.alias(value)]
            case bytes():
                return [_hexadecimal(value)]
            case list():
                return [self._entry(element.name, one) for one in value]
        return [value]

    def _entry(self, name: str, entry: UUID | int) -> str:
        if isinstance(entry, UUID):
            return self._store.alias(entry)
        return values.show_number(name, entry)

    def device(self, value: DeviceValue) -> str:
        """Format a device."""
        shown = self._device(value.device)
        options = "" if value.options == NO_OPTIONS else f",{self._store.alias(value.options)}"
        return shown + options

    def _device(self, device: Device) -> str:
        match device:
            case Boot():
                return "boot"
            case GptPartition() | MbrPartition():
                return f"partition={self._partition(device)}"
            case File(parent, path):
                return f"file=[{self._inside(parent)}]{path}"
            case RamDisk(parent, path):
                return f"ramdisk=[{self._inside(parent)}]{path}"
            case Locate(element, _, VirtualDisk(File(parent, path))):
                return f"vhd=[{self._inside(parent)}]{path},locate=custom:{element:08x}"
            case Locate(element, path, parent) if parent:
                return f"locate={path or f'custom:{element:08x}'},[{self._device(parent)}]"
            case Locate():
                return f"locate={self.located(device) or 'unknown'}"
            case VirtualDisk(File(parent, path)):
                return f"vhd=[{self._inside(parent)}]{path}"
            case VirtualDisk(file):
                return f"vhd=[{self._device(file)}]"
            case Raw(data):
                return f"unknown ({_hexadecimal(data)})"

    def _partition(self, device: GptPartition | MbrPartition) -> str:
        number = self._places.get(device)
        if number is not None:
            return str(number)
        if isinstance(device, GptPartition):
            return f"{{{device.partition}}}@{{{device.disk}}}"
        return f"{device.offset:#x}@{device.signature:08x}"

    def _inside(self, parent: Device) -> str:
        return self._device(parent).removeprefix("partition=")

    def located(self, device: Locate) -> str | None:
        """The path that a located device searches for, or None if the object lacks it."""
        if not device.element:
            return device.path
        found = self._object.value(device.element)
        return found if isinstance(found, str) else None

    # Parsing

    def parse(self, number: int, text: str) -> Value:
        """Parse the value of an element.

        Raises:
            BcdUsageError: the text is not a value of this element.
        """
        name = elements.name(number, self._object.type)
        match elements.format_of(number):
            case Format.DEVICE:
                return self._parse_device(number, text)
            case Format.STRING:
                return text
            case Format.OBJECT:
                return self._reference(text)
            case Format.OBJECT_LIST:
                return [self._reference(part) for part in text.replace(",", " ").split()]
            case Format.INTEGER:
                return values.parse_number(name, text)
            case Format.BOOLEAN:
                return values.parse_boolean(name, text)
            case Format.INTEGER_LIST:
                return [values.parse_number(name, part) for part in text.replace(",", " ").split()]
        msg = f"{name} has an unknown format; reseal can't set its value."
        raise BcdUsageError(msg)

    def _reference(self, text: str) -> UUID:
        """Return the GUID of an object in this store, or of a well-known object."""
        for identifier, alias in objects.ALIASES.items():
            if alias == text.lower():
                return identifier
        return self._store.find(text).id

    def _parse_device(self, number: int, text: str) -> DeviceValue:
        lower = text.lower()
        if lower == "boot":
            return DeviceValue(Boot())
        if lower.startswith("partition="):
            return DeviceValue(self._parse_partition(text.partition("=")[2]))
        if lower == "locate":
            return DeviceValue(Locate(default_locate(number)))
        if lower.startswith("locate="):
            wanted = text.partition("=")[2]
            custom = _CUSTOM.fullmatch(wanted)
            if custom:
                return DeviceValue(Locate(int(custom.group(1), 16)))
            if wanted.startswith("\\"):
                return DeviceValue(Locate(path=wanted))
        inside = _IN_FILE.fullmatch(text)
        if inside:
            return self._parse_file(number, *inside.groups())
        msg = f"{text} is not a device."
        raise BcdUsageError(msg, _FORMS_HINT)

    def _parse_file(self, number: int, kind: str, inside: str, path: str, rest: str) -> DeviceValue:
        parent: Device = Boot() if inside.lower() == "boot" else self._parse_partition(inside)
        match kind.lower():
            case "file" if not rest:
                return DeviceValue(File(parent, path))
            case "ramdisk" if rest:
                return DeviceValue(RamDisk(parent, path), self._reference(rest))
            case "vhd":
                element = default_locate(number)
                custom = _CUSTOM.fullmatch((rest or "").removeprefix("locate="))
                if custom:
                    element = int(custom.group(1), 16)
                if custom or not rest:
                    return DeviceValue(Locate(element, "", VirtualDisk(File(parent, path))))
        msg = f"{kind}=[{inside}]{path}{',' + rest if rest else ''} is not a device."
        raise BcdUsageError(msg, _FORMS_HINT)

    def _parse_partition(self, text: str) -> GptPartition | MbrPartition:
        for device, number in self._places.items():
            if str(number) == text and isinstance(device, (GptPartition, MbrPartition)):
                return device
        gpt, mbr = _GPT.fullmatch(text), _MBR.fullmatch(text)
        try:
            if gpt:
                return GptPartition(UUID(gpt.group(1)), UUID(gpt.group(2)))
        except ValueError:
            pass
        if mbr:
            return MbrPartition(int(mbr.group(1), 16), int(mbr.group(2), 16))
        msg = f"{text} is not a partition of this image."
        there = ", ".join(str(number) for number in self._places.values())
        raise BcdUsageError(
            msg,
            (f"The image has the partitions {there}. " if there else "")
            + "Name a partition of another disk {partition}@{disk} (GPT) or 0xOFFSET@SIGNATURE (MBR).",
        )


def default_locate(number: int) -> int:
    """Return the element whose path a located device searches for.

    For `device` this is the application's path; for other device elements, the system root or the
    hibernation file. Windows does the same (reported: bcdedit listings before and after Sysprep;
    documented for virtual disks: BCD Reference, SetVhdDeviceElement).
    """
    library = number == elements.APPLICATION_DEVICE
    return elements.APPLICATION_PATH if library else elements.SYSTEM_ROOT


def _hexadecimal(data: bytes) -> str:
    more = f"… {len(data)} bytes" if len(data) > _SHOWN_BYTES else ""
    return f"0x{data[:_SHOWN_BYTES].hex()}{more}"
