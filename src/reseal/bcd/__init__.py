"""Boot configuration data: what the Windows boot manager starts, and how.

store = Store(hive)
loader = store.find("{default}")
loader.set(elements.DETECT_HAL, True)
for line in listing(store): ...
"""

from reseal.bcd import devices, elements, objects
from reseal.bcd.build import Recipe, build
from reseal.bcd.edit import delete_element, set_element
from reseal.bcd.errors import BcdError, BcdUsageError
from reseal.bcd.listing import listing, to_json
from reseal.bcd.notation import Notation
from reseal.bcd.store import BcdObject, Element, Store

__all__ = [
    "BcdError",
    "BcdObject",
    "BcdUsageError",
    "Element",
    "Notation",
    "Recipe",
    "Store",
    "build",
    "delete_element",
    "devices",
    "elements",
    "listing",
    "objects",
    "set_element",
    "to_json",
]
