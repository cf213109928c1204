"""Remove a filter driver."""

from __future__ import annotations

from collections.abc import Iterator

from reseal.customize.shared import Run
from reseal.customize.step import Given
from reseal.errors import UsageError
from reseal.session import Session
from reseal.windows.services import DISABLED, SERVICES

CLASSES = r"HKLM\SYSTEM\CurrentControlSet\Control\Class"
DEVICES = r"HKLM\SYSTEM\CurrentControlSet\Enum"
#: A second copy of the lists of the classes (reported).
FIRST_BOOT = r"HKLM\SYSTEM\Setup\FirstBoot\Filters"
VALUES = ("UpperFilters", "LowerFilters")
#: Filters of Windows without which it does not reach its disk (seen in healthy hives).
OWN = frozenset(
    {"partmgr", "volsnap", "fvevol", "iorate", "rdyboost", "ehstorclass", "volume", "disk"}
)
#: Types of services that are drivers (documented, CreateService).
_DRIVERS = frozenset({1, 2, 8})
_MAX_KEYS = 200_000


def remove_filter(run: Run, given: Given) -> None:
    """Do the step `remove-filter`.

    Raises:
        UsageError: the name is not that of a filter, or the filter is Windows' own.
    """
    name = given.text("name")
    if name.lower() in OWN:
        msg = f"{name} is a filter of Windows, which does not start without it."
        raise UsageError(msg, "Name a filter of another maker.")
    found = [_removed(run.session, path, name) for path in _places(run.session)]
    if not _disabled(run.session, name) and not any(found):
        msg = f"No device class and no device has the filter {name}, and no driver has this name."
        raise UsageError(msg, "`reseal rehearse IMAGE --verbose` lists the filters of the disk.")


def _places(session: Session) -> Iterator[str]:
    """Yield the keys that may list filters: classes, devices, and the copy for the first boot."""
    count = 0
    for root in (CLASSES, FIRST_BOOT):
        for one in session.registry.subkeys(root):
            yield rf"{root}\{one.name}"
    for enumerator in session.registry.subkeys(DEVICES):
        for device in enumerator.subkeys():
            for instance in device.subkeys():
                count += 1
                if count > _MAX_KEYS:
                    return
                if any(instance.value(one) for one in VALUES):
                    yield rf"{DEVICES}\{enumerator.name}\{device.name}\{instance.name}"


def _removed(session: Session, path: str, name: str) -> bool:
    """Remove the filter from the lists of a key; return whether one had it."""
    found = False
    for value in VALUES:
        old = session.registry.value(path, value)
        if not isinstance(old, list) or name.lower() not in map(str.lower, old):
            continue
        found = True
        kept = [one for one in old if one and one.lower() != name.lower()]
        if kept:
            session.set_strings(path, value, kept)
        else:
            session.delete_value(path, value)
    return found


def _disabled(session: Session, name: str) -> bool:
    path = rf"{SERVICES}\{name}"
    if session.registry.number(path, "Type") not in _DRIVERS:
        return False
    session.set_number(path, "Start", DISABLED)
    return True
