"""Edits by the names that a person writes, and what they changed, as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reseal.bcd import elements
from reseal.bcd.notation import Notation

if TYPE_CHECKING:
    from reseal.bcd.notation import Places
    from reseal.bcd.store import Store


def set_element(
    store: Store, places: Places, identifier: str, element: str, value: str
) -> dict[str, Any]:
    """Set an element.

    Args:
        store: the store.
        places: the partitions of the image; see `notation`.
        identifier: the object, as bcdedit calls it.
        element: its element, as bcdedit calls it.
        value: as bcdedit takes it; see `notation` for devices.

    Returns:
        `object`, `element`, `before` and `after` (None where there was none; otherwise lines), `changed`.

    Raises:
        BcdUsageError: there is no such object or element, or it can't hold the value.
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
    """Delete an element. Arguments, result and errors as for `set_element`."""
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
