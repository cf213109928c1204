"""List stores as bcdedit does, and convert them to plain data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from reseal.bcd import elements, objects
from reseal.bcd.elements import Format
from reseal.bcd.notation import Notation, Places
from reseal.bcd.store import BcdObject, Store

#: bcdedit's column width, and the objects that it lists only with `/enum all /v`: setup templates.
_WIDTH = 24


def listing(
    store: Store, *, everything: bool = False, places: Places | None = None
) -> Iterator[str]:
    """Yield the lines of `bcdedit /enum`, or of `bcdedit /enum all`.

    Args:
        store: the store.
        everything: list every object; otherwise the boot manager and the entries of its menu.
        places: the partitions of the image; see `notation`.
    """
    for one in chosen(store, everything=everything):
        title = objects.heading(one.id, one.type)
        yield ""
        yield title
        yield "-" * len(title)
        yield f"{'identifier':<{_WIDTH}}{store.alias(one.id)}"
        notation = Notation(store, one, places)
        for element in one.elements():
            name = element.name
            for line in notation.show(element) or [""]:
                yield f"{name:<{_WIDTH - 1}} {line}".rstrip()
                name = ""


def chosen(store: Store, *, everything: bool) -> list[BcdObject]:
    """The objects that a listing shows, in its order."""
    listed = list(store)
    if not everything:
        manager = store.object(objects.BOOTMGR)
        shown = manager.value(elements.DISPLAY_ORDER) if manager else None
        # In the order of the boot menu.
        wanted = [objects.BOOTMGR, *(shown if isinstance(shown, list) else [])]
        found = {one.id: one for one in listed}
        return [
            found[one] for one in dict.fromkeys(wanted) if isinstance(one, UUID) and one in found
        ]
    return sorted(listed, key=lambda one: objects.order(one.id, one.type))


def to_json(
    store: Store, *, everything: bool = True, places: Places | None = None
) -> list[dict[str, Any]]:
    """Convert the objects of a store to plain data.

    Args:
        store: the store.
        everything: include every object; otherwise the boot manager and the entries of its menu.
        places: the partitions of the image; see `notation`.
    """
    return [_object(store, one, places) for one in chosen(store, everything=everything)]


def _object(store: Store, one: BcdObject, places: Places | None) -> dict[str, Any]:
    notation = Notation(store, one, places)
    described = []
    for element in one.elements():
        value: Any = element.value
        if not isinstance(value, (bool, int, str)):
            lines = notation.show(element)
            lists = element.format in {Format.OBJECT_LIST, Format.INTEGER_LIST}
            value = lines if lists and isinstance(value, list) else lines[0]
        described.append(
            {
                "number": f"{element.number:08x}",
                "name": element.name,
                "value": value,
                "hex": element.data.hex(),
            }
        )
    return {
        "id": f"{{{one.id}}}",
        "name": store.alias(one.id),
        "type": f"{one.type:08x}",
        "heading": objects.heading(one.id, one.type),
        "elements": described,
    }
