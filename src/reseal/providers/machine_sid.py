"""The machine SID, which Windows' own setupcl.exe replaces at the next boot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.windows import setup

if TYPE_CHECKING:
    from reseal.session import Session


@provider(
    "machine-sid",
    "Make Windows generate a new machine SID at the next boot",
    mark=Mark.REPORTED,
    source="SetupCl values in real hives (seen); a published recipe that presets "
    "SidAccountDomainNew and was verified by its author; interoperability notes (reported)",
    entry_points=("spopk.dll,Sysprep_Generalize_Opk",),
    order=10,  # first in every list
)
def machine_sid(session: Session) -> None:
    r"""The prefix of every local account's SID.

    Windows keeps it in SECURITY and SAM, in names and data of every hive, and in the security
    descriptors of files. Sysprep does not change it while it runs. It leaves a request under
    `SYSTEM\Setup\SetupCl\PendingRequest`; setupcl.exe, started through SETUPEXECUTE, carries it out at
    the next boot, before specialize.

    reseal leaves the same request: OperationFlags 4 and no other value, the results of an earlier run
    deleted, and setupcl.exe first in SETUPEXECUTE of every control set that Select names. Other strings
    of SETUPEXECUTE stay.
    """
    registry = session.registry
    for value in registry.values(setup.SETUPCL):
        session.delete_value(setup.SETUPCL, value.name)
    for subkey in registry.subkeys(setup.PENDING_REQUEST):
        session.delete_key(rf"{setup.PENDING_REQUEST}\{subkey.name}")
    for value in registry.values(setup.PENDING_REQUEST):
        if value.name.lower() != "operationflags":
            session.delete_value(setup.PENDING_REQUEST, value.name)
    # Other bits do other things; bit 0 resets disk signatures, which breaks the boot configuration.
    session.set_number(setup.PENDING_REQUEST, "OperationFlags", setup.REPLACE_ACCOUNT_DOMAIN_SID)

    for control_set in registry.control_sets:
        manager = setup.SESSION_MANAGER.replace("CurrentControlSet", control_set)
        for name in setup.SETUPEXECUTE_NAMES:
            wanted = setup.executed_beside(registry, manager, name)
            if name == setup.SETUPEXECUTE:
                # Only in this one: it works on every version, and one run is enough.
                wanted.insert(0, setup.SETUPCL_EXE)
            if wanted != setup.executed(registry, manager, name):
                session.set_strings(manager, name, wanted)
