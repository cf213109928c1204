"""The boot manager and its store."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from reseal.bcd import BcdObject, Store, elements, objects
from reseal.bcd.devices import Boot, DeviceValue, GptPartition, Locate, MbrPartition, RamDisk
from reseal.disk import VolumeRange
from reseal.errors import ImageError
from reseal.mark import Mark
from reseal.rehearsal import sources
from reseal.rehearsal.declaration import Fact, passes, stage, stops, unknown
from reseal.rehearsal.walk import UEFI, Walk
from reseal.run import boot_stores
from reseal.session.boot_store import BIOS_STORE, UEFI_STORE, BootStore
from reseal.tree import TreeError

_REPAIR = "reseal boot IMAGE --repair"
_STORE_CODES = r"one of: 0xc000000f, 0xc000014c, 0xc0000098 for \Boot\BCD"
_DEVICE_CODES = "one of: 0xc000000e, 0xc0000225 (a required device isn't connected)"
_FILE_CODES = "one of: 0xc000000f, 0xc0000225, 0xc0000359 for winload"
#: The boot manager that an entry in the firmware names (documented).
MANAGER = r"EFI\Microsoft\Boot\bootmgfw.efi"
#: safeboot (documented, BcdOSLoaderInteger_SafeBoot).
_SAFE_BOOT = 0x25000080
_SETUP_FOLDER = "$windows.~bt"


@stage(
    "boot-manager",
    "The boot manager finds its store and Windows",
    order=3,
    mark=Mark.DOCUMENTED,
    source="Microsoft, BCD System Store Settings for UEFI; BCD reference",
)
def boot_manager(walk: Walk) -> Iterator[Fact]:
    """The boot manager reads the store on its own partition and starts the default entry."""
    if walk.disk is None or not walk.partitioned:
        yield unknown(
            "A boot store is not in a WIM, a folder or a single volume: the disk that it is deployed to has "
            "one.",
            Mark.INFERRED,
            sources.THIS_IMAGE,
        )
        return
    path = UEFI_STORE if walk.firmware == UEFI else BIOS_STORE
    store = _store(walk, path)
    if isinstance(store, Fact):
        yield store
        return
    walk.store = store
    try:
        objects_of = store.store
        entry = _default(objects_of)
    except (ImageError, ValueError) as error:
        said = getattr(error, "message", str(error))
        yield stops(
            f"The boot store {store.name} is damaged: {said}",
            _STORE_CODES,
            Mark.DOCUMENTED,
            sources.BOOT_C000000F,
            cure=_REPAIR,
        )
        return
    if isinstance(entry, Fact):
        yield entry
        return
    yield passes(
        f"The store on volume {store.place.number} starts {objects_of.alias(entry.id)}.",
        Mark.DOCUMENTED,
        sources.BCDEDIT,
    )
    yield from _entry(walk, store, entry)
    yield from _own_file(walk, objects_of)


def _own_file(walk: Walk, store: Store) -> Iterator[Fact]:
    """The file of {bootmgr}, which firmware starts once it has an entry for Windows."""
    manager = store.object(objects.BOOTMGR)
    if walk.firmware != UEFI or walk.system is None or manager is None:
        return
    named = manager.value(elements.APPLICATION_PATH)
    path = named.strip("\\") if isinstance(named, str) and named else MANAGER
    with walk.volume(walk.system) as volume:
        stat = volume.stat(path) if volume else None
    if stat is None or stat.is_directory:
        yield unknown(
            rf"\{path}, the boot manager's own file, is missing: a machine without a boot entry starts from "
            r"\EFI\Boot; one whose firmware has the entry Windows Boot Manager does not.",
            Mark.REPORTED,
            sources.REPAIR_BCD,
            symptom="with such an entry, one of: No bootable device, the UEFI shell",
            cure=_REPAIR,
        )


def _store(walk: Walk, path: str) -> BootStore | Fact:
    """Find the store on the partition that the firmware started from."""
    assert walk.disk
    found: list[BootStore] = []
    try:
        stores = walk.opened.boot_stores if walk.opened else None
        found = boot_stores.find(walk.disk, "the image") if stores is None else stores
    except ImageError as error:
        return stops(
            f"The partition of the boot manager can't be read: {error.message}",
            _STORE_CODES,
            Mark.DOCUMENTED,
            sources.BOOT_C000000F,
            cure=_REPAIR,
        )
    fitting = [one for one in found if one.path == path]
    if walk.system:
        fitting = [one for one in fitting if one.place.number == walk.system.number]
    if fitting:
        return fitting[0]
    where = f"partition {walk.system.number}" if walk.system else "any partition"
    return stops(
        rf"There is no boot store \{path} on {where}.",
        rf"0xc000000f for \{path}",
        Mark.DOCUMENTED,
        sources.BOOT_C000000F,
        cure=_REPAIR,
    )


def _default(store: Store) -> BcdObject | Fact:
    manager = store.object(objects.BOOTMGR)
    if manager is None:
        return stops(
            "The boot store has no {bootmgr}.",
            "0xc0000034",
            Mark.DOCUMENTED,
            sources.BOOT_C0000034,
            cure=_REPAIR,
        )
    wanted: UUID | None = store.default
    if wanted is None:
        order = manager.value(elements.DISPLAY_ORDER)
        wanted = order[0] if isinstance(order, list) and order else None  # type: ignore[assignment]
    found = store.object(wanted) if wanted else None
    if found is None:
        text = (
            f"The default entry {{{wanted}}} is not in the boot store."
            if wanted
            else "The boot store has neither a default entry nor a menu."
        )
        return stops(
            text,
            "one of: 0xc0000034, an empty boot menu",
            Mark.DOCUMENTED,
            sources.BOOT_C0000034,
            cure=_REPAIR,
        )
    return found


# Complex: one case for each way in which an entry is wrong.
def _entry(walk: Walk, store: BootStore, entry: BcdObject) -> Iterator[Fact]:
    walk.loader = entry
    path = entry.value(elements.APPLICATION_PATH)
    device = entry.value(elements.APPLICATION_DEVICE)
    if entry.type != objects.OS_LOADER:
        yield stops(
            f"The default entry starts {path if isinstance(path, str) else entry.id}, not a Windows.",
            "another program than Windows, such as the memory test",
            Mark.DOCUMENTED,
            sources.BCDEDIT,
            cure=_REPAIR,
        )
        return
    if not isinstance(path, str) or not path:
        yield stops(
            "The default entry names no loader (path).",
            _FILE_CODES,
            Mark.DOCUMENTED,
            sources.BOOT_C000000F,
            cure=_REPAIR,
        )
        return
    ram = isinstance(device, DeviceValue) and isinstance(device.device, RamDisk)
    if _SETUP_FOLDER in path.lower() or ram:
        yield stops(
            "The default entry starts Windows Setup or another environment from a RAM disk, not Windows.",
            "Windows Setup starts again",
            Mark.REPORTED,
            sources.REPAIR_BCD,
            cure=_REPAIR,
        )
        return
    for number, name in ((elements.APPLICATION_DEVICE, "device"), (elements.OS_DEVICE, "osdevice")):
        fact = _device(walk, store, entry, number, name)
        if fact:
            yield fact
            if fact.stops:
                return
    wanted = ".efi" if walk.firmware == UEFI else ".exe"
    if path.lower().endswith((".efi", ".exe")) and not path.lower().endswith(wanted):
        yield stops(
            f"The default entry starts {path}, which is for the other firmware.",
            _FILE_CODES,
            Mark.DOCUMENTED,
            sources.STOP_7B,
            cure=_REPAIR,
        )
        return
    root = entry.value(elements.SYSTEM_ROOT)
    if not isinstance(root, str) or not root:
        yield stops(
            "The default entry names no folder of Windows (systemroot).",
            "one of: 0xc000000f, 0xc0000225",
            Mark.DOCUMENTED,
            sources.BOOT_C000000F,
            cure=_REPAIR,
        )
        return
    if walk.firmware == UEFI and walk.scheme == "mbr":
        yield unknown(
            "Windows is on a disk with an MBR, which Microsoft does not support with UEFI.",
            Mark.DOCUMENTED,
            sources.UEFI_PARTITIONS,
        )
    if entry.value(_SAFE_BOOT) is not None:
        yield unknown(
            "The default entry has safeboot: Windows starts in Safe Mode, in which Setup can't go on.",
            Mark.DOCUMENTED,
            sources.BCDEDIT,
            cure="reseal bcd delete IMAGE {default} safeboot",
        )
    yield from _which_windows(walk, entry)


def _device(walk: Walk, store: BootStore, entry: BcdObject, number: int, name: str) -> Fact | None:
    """Resolve a device of the entry; remember the volume of the loader's file."""
    value = entry.value(number)
    if value is None:
        return stops(
            f"The default entry has no {name}.",
            "0xc000000f",
            Mark.DOCUMENTED,
            sources.BOOT_C000000F,
            cure=_REPAIR,
        )
    found = resolve(walk, store, entry, number)
    if isinstance(found, str):
        return unknown(f"The {name} of the default entry {found}.", Mark.INFERRED, sources.BCDEDIT)
    if found is None:
        return stops(
            f"The {name} of the default entry names a partition that this disk does not have.",
            _DEVICE_CODES,
            Mark.DOCUMENTED,
            sources.BOOT_C000000E,
            cure="reseal generalize IMAGE --locate-boot-devices, or " + _REPAIR,
        )
    if name == "device":
        walk.loader_volume = found.number
    return None


def resolve(
    walk: Walk, store: BootStore, entry: BcdObject, number: int
) -> VolumeRange | str | None:
    """Return the partition of a device element; None if the disk lacks it, a text if it is unclear.

    Args:
        walk: the walk.
        store: the boot store.
        entry: the object with the element.
        number: the number of the element.
    """
    value = entry.value(number)
    device = value.device if isinstance(value, DeviceValue) else None
    match device:
        case GptPartition() | MbrPartition():
            wanted = store.places.get(device)
            return next((one for one in walk.ranges if one.number == wanted), None)
        case Boot():
            return walk.system or store.place
        case Locate(element, path, None):
            text = entry.value(element) if element else path
            return _located(walk, text) if isinstance(text, str) else "is searched for"
        case _:
            return "is of a kind that reseal does not follow"


def _located(walk: Walk, path: str) -> VolumeRange | None:
    """Search the volumes for a path, as the boot manager does."""
    own = walk.windows_partition
    for one in sorted(walk.ranges, key=lambda each: each is not own):
        try:
            if one is own:
                if walk.session.files.stat(path.strip("\\")):
                    return one
                continue
            with walk.volume(one) as volume:
                if volume and volume.stat(path.strip("\\")):
                    return one
        except (ImageError, TreeError):
            continue
    return None


def _which_windows(walk: Walk, entry: BcdObject) -> Iterator[Fact]:
    """Does the entry start the Windows that was opened?"""
    if walk.opened is None or walk.store is None:
        return
    value = entry.value(elements.SYSTEM_ROOT)
    root = value if isinstance(value, str) else None
    target = resolve(walk, walk.store, entry, elements.OS_DEVICE)
    own = walk.windows_partition
    same_volume = own is None or isinstance(target, str) or target == own
    same_root = root is None or root.strip("\\").lower() == walk.installation.root.lower()
    if same_volume and same_root:
        return
    number = "?" if target is None or isinstance(target, str) else target.number
    place = f"{number}:{root}"
    if same_volume and not walk.session.files.stat(str(root).strip("\\")):
        yield stops(
            f"The default entry starts Windows from {root}, which does not exist.",
            "one of: 0xc000000f, 0xc0000225",
            Mark.REPORTED,
            sources.REPAIR_BCD,
            cure=_REPAIR,
        )
        return
    walk.elsewhere = True
    yield unknown(
        f"The default entry starts the Windows in {place}, not the one that was opened "
        f"({walk.installation.volume}:{walk.installation.root}).",
        Mark.SEEN,
        sources.THIS_IMAGE,
        cure=f"reseal rehearse IMAGE --volume {number}",
    )
