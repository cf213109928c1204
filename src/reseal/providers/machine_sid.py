"""The machine SID, which Windows' own setupcl.exe replaces at the next boot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.windows import setup

if TYPE_CHECKING:
    from reseal.session import Session


#: The switch of a session that keeps bit 0x1 of a request (see the check setupcl-request).
KEEP_DISK_SIGNATURES = "force:setupcl-request"


@provider(
    "machine-sid",
    "Ask Windows for a new machine SID at the next boot",
    mark=Mark.INFERRED,
    source="SetupCl values in real hives (seen); meaning of the bits: interoperability notes (reported); "
    "a published recipe that adds SidAccountDomainNew to Sysprep's own request and keeps its other bits, "
    "verified by its author; a request of bit 4 alone: no public text shows a boot with it (inferred)",
    entry_points=("spopk.dll,Sysprep_Generalize_Opk",),
    order=10,  # first in every list
)
def machine_sid(session: Session) -> None:
    r"""The prefix of every local account's SID.

    Windows keeps it in SECURITY and SAM, in names and data of every hive, and in the security
    descriptors of files. Sysprep does not change it while it runs. It leaves a request under
    `SYSTEM\Setup\SetupCl\PendingRequest`; setupcl.exe, started through SETUPEXECUTE, carries it out at
    the next boot, before specialize.

    reseal asks for the same: it sets bit 4 of OperationFlags, removes old results, and puts setupcl.exe
    first in SETUPEXECUTE of every control set that Select names; other strings stay. A request that is
    still to be carried out keeps its other bits with their operands, since Sysprep or Setup put them
    there. Bit 0x1 is the exception: it gives the disks new signatures, by which the boot configuration
    finds Windows. It goes, unless `--force setupcl-request` keeps it. A preset SID goes, too, since every
    copy would get it. That a request of bit 4 alone suffices is inferred: no public text shows a boot
    with it.
    """
    registry = session.registry
    kept = setup.pending_operations(registry)
    key = registry.key(setup.SETUPCL)
    for value in list(key.values()) if key else []:
        session.delete_value(setup.SETUPCL, value.name)
    _clear_request(session, kept)
    if kept & setup.RESET_DISK_SIGNATURES and KEEP_DISK_SIGNATURES not in session.switches:
        kept &= ~setup.RESET_DISK_SIGNATURES
        session.note(
            "Bit 0x1 of the pending SetupCl request, which gives the disks new signatures, was removed; "
            "--force setupcl-request keeps it."
        )
    flags = kept | setup.REPLACE_ACCOUNT_DOMAIN_SID
    session.set_number(setup.PENDING_REQUEST, setup.OPERATION_FLAGS, flags)
    others = flags & ~setup.REPLACE_ACCOUNT_DOMAIN_SID
    session.note(
        "setupcl.exe is asked for a new machine SID at the next boot (OperationFlags "
        f"{flags:#x}). That bit 4 suffices is inferred: no public text shows a boot with it."
        + (f" The pending request's other bits ({others:#x}) stay." if others else "")
    )

    for control_set in registry.control_sets:
        manager = setup.SESSION_MANAGER.replace("CurrentControlSet", control_set)
        for name in setup.SETUPEXECUTE_NAMES:
            wanted = setup.executed_beside(registry, manager, name)
            if name == setup.SETUPEXECUTE:
                # Only in this one: it works on every version, and one run is enough.
                wanted.insert(0, setup.SETUPCL_EXE)
            if wanted != setup.executed(registry, manager, name):
                session.set_strings(manager, name, wanted)


def _clear_request(session: Session, kept: int) -> None:
    """Remove a request that nothing carries out any more, or the preset SID of a pending request."""
    if kept:
        if session.delete_value(setup.PENDING_REQUEST, setup.SID_NEW):
            session.note(
                "The pending SetupCl request preset a SID, which every copy would get; it was removed."
            )
        return
    key = session.registry.key(setup.PENDING_REQUEST)
    for subkey in list(key.subkeys()) if key else []:
        session.delete_key(rf"{setup.PENDING_REQUEST}\{subkey.name}")
    for value in list(key.values()) if key else []:
        if value.name.lower() != setup.OPERATION_FLAGS.lower():
            session.delete_value(setup.PENDING_REQUEST, value.name)
