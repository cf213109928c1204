"""How the provider `bcd` changes the boot entries of this Windows."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from reseal.bcd import BcdObject, elements, objects
from reseal.bcd.devices import Boot, DeviceValue, GptPartition, Locate, MbrPartition
from reseal.bcd.notation import default_locate
from reseal.errors import ImageError
from reseal.session import Session
from reseal.session.boot_store import BootStore

#: The switch that requests located devices, as Sysprep leaves them.
LOCATE = "locate-boot-devices"
#: The boot manager of Vista does not know located devices (reported: mistyprojects.co.uk, BCDEdit).
_FIRST_WITH_LOCATE = 7600
_WINPE = 0x26000022


def generalize(session: Session) -> None:
    """Stage the boot entries of this Windows; see the package."""
    try:
        if not session.boot_stores:
            session.note("The image has no boot configuration data; no boot entry was generalized.")
        for store in session.boot_stores:
            _generalize(session, store)
    except ImageError as error:
        # The store was damaged before this run, and Windows may start from it nevertheless.
        session.note(f"The boot store was left as it is: {error.message}")


def _generalize(session: Session, store: BootStore) -> None:
    loaders = list(_own_loaders(session, store))
    if not loaders:
        session.note(
            f"The boot store {store.name} was left as it is: no entry starts this Windows."
        )
    for loader in loaders:
        session.set_boot_element(store, loader, elements.DETECT_HAL, True)
        resume = loader.value(elements.ASSOCIATED_RESUME)
        application = store.store.object(resume) if isinstance(resume, UUID) else None
        for one in filter(None, (loader, application)):
            for number in (elements.APPLICATION_DEVICE, elements.OS_DEVICE):
                _locate(session, store, one, number)


def _own_loaders(session: Session, store: BootStore) -> Iterator[BcdObject]:
    """Return the loaders that start this Windows, by partition and folder."""
    root = "\\" + session.installation.root.lower()
    for one in store.store:
        if one.type != objects.OS_LOADER or one.value(_WINPE):
            continue
        folder, device = one.value(elements.SYSTEM_ROOT), one.value(elements.OS_DEVICE)
        if not isinstance(folder, str) or folder.rstrip("\\").lower() != root:
            continue
        if isinstance(device, DeviceValue) and _is_own(session, store, device):
            yield one


def _is_own(session: Session, store: BootStore, device: DeviceValue) -> bool:
    own = session.installation.volume
    match device.device:
        case GptPartition() | MbrPartition() as named:
            # A partition missing from this disk can only be this Windows, if it is the only one.
            return store.places.get(named, own if session.neighbours.none else None) == own
        case Boot():
            return store.place.number == own
        case Locate(_, _, None):
            return session.neighbours.none
    return False


def _locate(session: Session, store: BootStore, one: BcdObject, number: int) -> None:
    value = one.value(number)
    if not isinstance(value, DeviceValue):
        return
    if not isinstance(value.device, (GptPartition, MbrPartition)):
        return
    if value.device in store.places and LOCATE not in session.switches:
        session.note(
            "The boot entries of this Windows keep their partitions: a copy of the disk has the same "
            "ids. If you copy its volumes to a disk with other ids, make a new store there with "
            f"bcdboot, or generalize with --{LOCATE}."
        )
        return
    element = default_locate(number)
    build = session.installation.build
    if not session.neighbours.none:
        session.note(
            "The image may hold another Windows, which a located boot device could find instead of "
            f"this one. The partitions in the boot store {store.name} stay."
        )
    elif build is None or build < _FIRST_WITH_LOCATE:
        session.note(
            "The boot manager of this Windows may not know located devices. The partitions in the "
            f"boot store {store.name} stay."
        )
    elif isinstance(one.value(element), str):
        located = DeviceValue(Locate(element), value.options)
        session.set_boot_element(store, one, number, located)
