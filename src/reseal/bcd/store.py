r"""A boot configuration data store: a registry hive of objects that have elements.

Layout (seen in real stores): the root key `Description` has the values of the store (KeyName, System,
TreatAsSystem, GuidCache). `Objects\{GUID}\Description` has `Type`; for a firmware application it also has
`FirmwareVariable`, a copy of the NVRAM variable. `Objects\{GUID}\Elements\NNNNNNNN` has one value,
`Element`; NNNNNNNN are hexadecimal digits of either case. Other keys and values are preserved.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from reseal.bcd import elements, objects, values
from reseal.bcd.errors import BcdError, BcdUsageError
from reseal.bcd.values import Value
from reseal.regf import Hive, Key, types

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
        name: bcdedit's name of it.
        type: type of the registry value that holds it.
        data: as stored.
    """

    number: int
    name: str
    type: int
    data: bytes

    @property
    def format(self) -> int:
        """The format of the data: a `Format`, or an unknown number."""
        return elements.format_of(self.number)

    @property
    def value(self) -> Value:
        """The data as a Python value, or as bytes if it does not fit the format."""
        return values.decode(self.format, self.type, self.data)


class BcdObject:
    """One object of a store.

    Attributes:
        id: its GUID.
        type: its type; see `objects`.
    """

    def __init__(self, key: Key, identifier: UUID) -> None:
        self._key = key
        self.id = identifier
        description = key.subkey(_DESCRIPTION)
        kind = description.value(_TYPE) if description else None
        self.type = kind.decoded if kind and isinstance(kind.decoded, int) else 0

    def elements(self) -> list[Element]:
        """All elements in the order of their numbers, as in bcdedit."""
        folder = self._key.subkey(_ELEMENTS)
        keys = folder.subkeys() if folder else ()
        found = [element for key in keys if (element := self._read(key))]
        return sorted(found, key=lambda element: element.number)

    def element(self, number: int) -> Element | None:
        """The element with this number, or None."""
        # Key names are case-insensitive: this finds 250000F3 and 250000f3.
        key = self._key.key(f"{_ELEMENTS}\\{number:08x}")
        return self._read(key) if key else None

    def value(self, number: int) -> Value | None:
        """The value of the element with this number, or None."""
        element = self.element(number)
        return element.value if element else None

    def set(self, number: int, value: Value) -> None:
        """Set an element; create it if the object lacks it.

        Raises:
            BcdUsageError: an element of this format can't hold the value.
        """
        kind, data = values.encode(elements.format_of(number), value)
        self._key.create(f"{_ELEMENTS}\\{number:08x}").set(_ELEMENT, kind, data)

    def delete(self, number: int) -> bool:
        """Delete an element; return whether it existed."""
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
    """A store in a hive. Edits change the hive; the caller writes it.

    Raises:
        BcdError: the hive is not a store.
    """

    def __init__(self, hive: Hive) -> None:
        self.hive = hive
        folder = hive.key(_OBJECTS)
        if folder is None:
            msg = f"{hive.name} is not a boot configuration data store: it has no key {_OBJECTS}."
            raise BcdError(msg)
        self._objects = folder

    def __iter__(self) -> Iterator[BcdObject]:
        """Iterate over the objects in the order of their GUIDs."""
        for key in self._objects.subkeys():
            identifier = values.guid(key.name)
            if identifier:
                yield BcdObject(key, identifier)

    def object(self, identifier: UUID) -> BcdObject | None:
        """The object with this GUID, or None."""
        key = self._objects.subkey(f"{{{identifier}}}")
        return BcdObject(key, identifier) if key else None

    def create(self, identifier: UUID, kind: int) -> BcdObject:
        """Create an object without elements.

        Raises:
            BcdUsageError: the store already has an object with this GUID.
        """
        if self.object(identifier):
            msg = f"{self.hive.name} already has an object {{{identifier}}}."
            raise BcdUsageError(msg)
        key = self._objects.create_subkey(f"{{{identifier}}}")
        key.create(_DESCRIPTION).set(_TYPE, types.REG_DWORD, types.encode(types.REG_DWORD, kind))
        key.create(_ELEMENTS)
        return BcdObject(key, identifier)

    @property
    def default(self) -> UUID | None:
        """The default loader, or None if the boot manager does not name one."""
        manager = self.object(objects.BOOTMGR)
        value = manager.value(elements.DEFAULT_OBJECT) if manager else None
        return value if isinstance(value, UUID) else None

    def alias(self, identifier: UUID) -> str:
        """The bcdedit name of an object: a well-known name, `{default}`, or the GUID in braces."""
        if identifier == self.default:
            return "{default}"
        return objects.ALIASES.get(identifier) or f"{{{identifier}}}"

    def find(self, text: str) -> BcdObject:
        """Find an object by bcdedit's name of it, with or without braces.

        Raises:
            BcdUsageError: the store does not have this object.
        """
        wanted = "{" + text.strip("{}").lower() + "}"
        for one in self:
            if wanted in {self.alias(one.id), objects.ALIASES.get(one.id), f"{{{one.id}}}"}:
                return one
        msg = f"{self.hive.name} has no object {text}."
        raise BcdUsageError(msg, "`reseal bcd show --all` lists every object.")
