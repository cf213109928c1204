r"""A store of boot configuration data: a registry hive with objects that have elements.

Layout (seen in real stores): `Description` of the root has the store's own values (KeyName, System,
TreatAsSystem, GuidCache); `Objects\{GUID}\Description` has `Type`, and firmware applications a copy of
their NVRAM variable, `FirmwareVariable`; `Objects\{GUID}\Elements\NNNNNNNN` has one value, `Element`,
with NNNNNNNN in hexadecimal digits of either case. Whatever else is there is kept as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from reseal.bcd import elements, objects, values
from reseal.bcd.errors import BcdError, BcdUsageError
from reseal.regf import types

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.bcd.values import Value
    from reseal.regf import Hive, Key

_OBJECTS = "Objects"
_DESCRIPTION = "Description"
_ELEMENTS = "Elements"
_ELEMENT = "Element"
_TYPE = "Type"
_NUMBER = re.compile(r"[0-9A-Fa-f]{8}")


@dataclass(frozen=True, slots=True)
class Element:
    """One element of an object.

    Attributes:
        number: class, format and subtype.
        name: what bcdedit calls it.
        type: of the registry value that holds it.
        data: as stored.
    """

    number: int
    name: str
    type: int
    data: bytes

    @property
    def format(self) -> int:
        """How the data is to be read, one of `Format` or a number that nobody knows."""
        return elements.format_of(self.number)

    @property
    def value(self) -> Value:
        """The data as a Python value; the bytes where they do not fit the format."""
        return values.decode(self.format, self.type, self.data)


class BcdObject:
    """One object of a store.

    Attributes:
        id: its GUID.
        type: what it is; see `objects`.
    """

    def __init__(self, key: Key, identifier: UUID) -> None:
        self._key = key
        self.id = identifier
        description = key.subkey(_DESCRIPTION)
        kind = description.value(_TYPE) if description else None
        self.type = kind.decoded if kind and isinstance(kind.decoded, int) else 0

    def elements(self) -> list[Element]:
        """Every element, in the order of their numbers, which is bcdedit's."""
        folder = self._key.subkey(_ELEMENTS)
        found: list[Element] = []
        for key in folder.subkeys() if folder else ():
            element = self._read(key)
            if element:
                found.append(element)
        return sorted(found, key=lambda element: element.number)

    def element(self, number: int) -> Element | None:
        """One element, None where the object has none of this number."""
        # Key names have no case, so that this finds 250000F3 as well as 250000f3.
        key = self._key.key(f"{_ELEMENTS}\\{number:08x}")
        return self._read(key) if key else None

    def value(self, number: int) -> Value | None:
        """The value of an element, None where the object has none of this number."""
        element = self.element(number)
        return element.value if element else None

    def set(self, number: int, value: Value) -> None:
        """Give an element a value; it is made where the object has none of this number.

        Raises:
            BcdUsageError: an element of this format can't hold the value.
        """
        kind, data = values.encode(elements.format_of(number), value)
        self._key.create(f"{_ELEMENTS}\\{number:08x}").set(_ELEMENT, kind, data)

    def delete(self, number: int) -> bool:
        """Delete an element; true if there was one."""
        key = self._key.key(f"{_ELEMENTS}\\{number:08x}")
        if key is None:
            return False
        key.delete()
        return True

    def _read(self, key: Key) -> Element | None:
        value = key.value(_ELEMENT)
        if value is None or not _NUMBER.fullmatch(key.name):
            return None
        number = int(key.name, 16)
        return Element(number, elements.name(number, self.type), value.type, value.data)


class Store:
    """A store in a hive. Edits go to the hive, which the caller writes.

    Raises:
        BcdError: the hive is no store.
    """

    def __init__(self, hive: Hive) -> None:
        self.hive = hive
        folder = hive.key(_OBJECTS)
        if folder is None:
            msg = f"{hive.name} is no store of boot configuration data: it has no key {_OBJECTS}."
            raise BcdError(msg)
        self._objects = folder

    def __iter__(self) -> Iterator[BcdObject]:
        """Iterate over the objects, in the order of their GUIDs."""
        for key in self._objects.subkeys():
            identifier = values.guid(key.name)
            if identifier:
                yield BcdObject(key, identifier)

    def object(self, identifier: UUID) -> BcdObject | None:
        """The object with this GUID, None where there is none."""
        key = self._objects.subkey(f"{{{identifier}}}")
        return BcdObject(key, identifier) if key else None

    def create(self, identifier: UUID, kind: int) -> BcdObject:
        """Make an object without elements.

        Raises:
            BcdUsageError: the store has one with this GUID.
        """
        if self.object(identifier):
            msg = f"{self.hive.name} has an object {{{identifier}}} already."
            raise BcdUsageError(msg)
        key = self._objects.create_subkey(f"{{{identifier}}}")
        key.create(_DESCRIPTION).set(_TYPE, types.REG_DWORD, types.encode(types.REG_DWORD, kind))
        key.create(_ELEMENTS)
        return BcdObject(key, identifier)

    @property
    def default(self) -> UUID | None:
        """The loader that starts when nobody chooses, None where the boot manager names none."""
        manager = self.object(objects.BOOTMGR)
        value = manager.value(elements.DEFAULT_OBJECT) if manager else None
        return value if isinstance(value, UUID) else None

    def alias(self, identifier: UUID) -> str:
        """What bcdedit calls an object: a well-known name, `{default}`, or the GUID in braces."""
        if identifier == self.default:
            return "{default}"
        return objects.ALIASES.get(identifier) or f"{{{identifier}}}"

    def find(self, text: str) -> BcdObject:
        """Find an object by what bcdedit calls it, with or without braces.

        Raises:
            BcdUsageError: the store has no such object.
        """
        wanted = "{" + text.strip("{}").lower() + "}"
        for one in self:
            if wanted in {self.alias(one.id), objects.ALIASES.get(one.id), f"{{{one.id}}}"}:
                return one
        msg = f"{self.hive.name} has no object {text}."
        raise BcdUsageError(msg, "`reseal bcd show --all` lists every object.")
