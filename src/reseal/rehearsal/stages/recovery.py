"""What happens after a failure: the recovery environment, loops, hibernation, BitLocker."""

from __future__ import annotations

from collections.abc import Iterator

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
        else "After a stop code Windows restarts, so a failure looks like a loop (AutoReboot).",
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
    else:
        yield passes(
            "A recovery environment is registered in the boot store.",
            Mark.DOCUMENTED,
            sources.RECOVERY,
        )
