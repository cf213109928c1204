"""What happens after a failure: the recovery environment, loops, hibernation, BitLocker."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from uuid import UUID

from reseal.bcd import elements
from reseal.bcd.devices import DeviceValue, GptPartition, MbrPartition, RamDisk
from reseal.disk import VolumeRange
from reseal.mark import Mark
from reseal.rehearsal import sources
from reseal.rehearsal.declaration import Fact, asks, passes, stage, unknown
from reseal.rehearsal.walk import Walk
from reseal.windows.values import number

_SEQUENCE, _ENABLED = 0x14000008, 0x16000009
_STATUS_POLICY = 0x250000E0
#: IgnoreAllFailures (documented, BcdBootStatusPolicy).
_IGNORE_ALL = 1
WINRE = r"System32\Recovery\Winre.wim"


@stage(
    "recovery",
    "What follows a failure",
    order=11,
    mark=Mark.DOCUMENTED,
    source=sources.RECOVERY,
)
def recovery(walk: Walk) -> Iterator[Fact]:
    """After two failed starts Windows starts its recovery environment, if the loader's entry names one."""
    state = walk.session.volume_state
    if state and state.encrypted:
        yield asks(
            "BitLocker encrypts the volume of Windows: if its key is in the TPM of another machine, the boot "
            "asks for the recovery key.",
            "the BitLocker recovery page",
            Mark.DOCUMENTED,
            sources.V2V,
            cure="reseal decrypt IMAGE",
        )
    if state and state.hibernation != "none":
        yield unknown(
            f"Windows was not shut down fully ({state.hibernation}): it would resume the old session over "
            "what was changed since.",
            Mark.INFERRED,
            f"{sources.V2V}, Fast Startup",
            cure="reseal generalize IMAGE --discard-hibernation",
        )
    yield from _environment(walk)
    crash = walk.registry.key(rf"{walk.control}\CrashControl")
    restarts = number(crash, "AutoReboot")
    yield passes(
        "A stop code stays on the screen (AutoReboot 0)."
        if restarts == 0
        else "After a stop code Windows restarts (AutoReboot).",
        Mark.DOCUMENTED,
        "Microsoft, CrashControl",
    )


def _environment(walk: Walk) -> Iterator[Fact]:
    if walk.loader is None:
        return
    sequence = walk.loader.value(_SEQUENCE)
    ignores = walk.loader.value(_STATUS_POLICY) == _IGNORE_ALL
    off = walk.loader.value(_ENABLED) is False
    if ignores or off:
        yield passes(
            "A failed boot does not start the recovery environment (bootstatuspolicy or recoveryenabled), as "
            "in images of Azure.",
            Mark.DOCUMENTED,
            "Microsoft, Windows boot issues troubleshooting",
        )
    elif not isinstance(sequence, list) or not sequence:
        staged = walk.stat(walk.installation.path(WINRE))
        yield passes(
            "No recovery environment is registered in the boot store"
            + (", but one is staged, which specialize registers." if staged else "."),
            Mark.DOCUMENTED,
            sources.RECOVERY,
        )
    elif reason := next((one for one in map(partial(_unreachable, walk), sequence) if one), None):
        yield unknown(
            f"The recovery environment of the boot store {reason}: a failed boot ends at an error page.",
            Mark.DOCUMENTED,
            sources.RECOVERY,
            symptom="after failures, 0xc000000f or 0xc0000225 instead of the recovery environment",
        )
    else:
        yield passes(
            "The boot store has a recovery environment.", Mark.DOCUMENTED, sources.RECOVERY
        )


def _unreachable(walk: Walk, identifier: object) -> str | None:
    """Return why a recovery environment does not start, or None."""
    store = walk.store.store if walk.store else None
    entry = store.object(identifier) if store and isinstance(identifier, UUID) else None
    if entry is None:
        return "names an entry that does not exist"
    value = entry.value(elements.APPLICATION_DEVICE)
    device = value.device if isinstance(value, DeviceValue) else None
    if not isinstance(device, RamDisk) or walk.store is None:
        return None
    number = walk.store.places.get(device.parent)
    place = next((one for one in walk.ranges if one.number == number), None)
    if isinstance(device.parent, (GptPartition, MbrPartition)) and place is None:
        return "is on a partition that this disk does not have"
    path = device.path.strip("\\")
    if place is None or not path or _there(walk, place, path):
        return None
    return f"is missing: {device.path} on volume {place.number}"


def _there(walk: Walk, place: VolumeRange, path: str) -> bool:
    if place == walk.windows_partition:
        return walk.stat(path) is not None
    with walk.volume(place) as volume:
        return volume is None or volume.stat(path) is not None
