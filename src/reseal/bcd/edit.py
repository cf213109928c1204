"""Edit elements by their bcdedit names, and report the changes as plain data."""

from __future__ import annotations

from typing import Any

from reseal.bcd import elements
from reseal.bcd.notation import Notation, Places
from reseal.bcd.store import Store


def set_element(
    store: Store, places: Places, identifier: str, element: str, value: str
) -> dict[str, Any]:
    """Set an element.

    Args:
        store: the store.
        places: the partitions of the image; see `notation`.
        identifier: bcdedit's name of the object.
        element: bcdedit's name of the element.
        value: in bcdedit's syntax; see `notation` for devices.

    Returns:
        `object`, `element`, `before` and `after` (lists of lines, None if absent), `changed`.

    Raises:
        BcdUsageError: the object or element does not exist, or the element can't hold the value.
    """
    one = store.find(identifier)
    number = elements.number(element, one.type)
    notation = Notation(store, one, places)
    old = one.element(number)
    one.set(number, notation.parse(number, value))
    new = one.element(number)
    assert new
    return {
        "object": store.alias(one.id),
        "element": new.name,
        "before": notation.show(old) if old else None,
        "after": notation.show(new),
        "changed": old is None or (old.type, old.data) != (new.type, new.data),
    }


def delete_element(store: Store, places: Places, identifier: str, element: str) -> dict[str, Any]:
    """Delete an element.

    Args:
        store: the store.
        places: the partitions of the image; see `notation`.
        identifier: bcdedit's name of the object.
        element: bcdedit's name of the element.

    Returns:
        As `set_element`.

    Raises:
        BcdUsageError: the object or element does not exist.
    """
    one = store.find(identifier)
    number = elements.number(element, one.type)
    old = one.element(number)
    return {
        "object": store.alias(one.id),
        "element": elements.name(number, one.type),
        "before": Notation(store, one, places).show(old) if old else None,
        "after": None,
        "changed": one.delete(number),
    }
