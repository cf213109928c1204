"""Which Windows of several the boot store starts."""

from __future__ import annotations

from reseal.bcd import elements
from reseal.bcd.devices import DeviceValue
from reseal.errors import ImageError
from reseal.run.opening import Found


def default_windows(found: list[Found]) -> Found | None:
    """Return the installation that the default entry of the first boot store names; None if unclear.

    Args:
        found: all installations of a disk.
    """
    try:
        for store in found[0].boot_stores():
            default = store.store.default
            entry = store.store.object(default) if default else None
            if entry is None:
                continue
            value, root = entry.value(elements.OS_DEVICE), entry.value(elements.SYSTEM_ROOT)
            if not isinstance(value, DeviceValue) or not isinstance(root, str):
                continue
            number = store.places.get(value.device)
            for one in found:
                named = one.installation.root.lower() == root.strip("\\").lower()
                if named and one.installation.volume == number:
                    return one
    except (ImageError, ValueError):
        return None
    return None
