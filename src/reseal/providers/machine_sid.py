"""The machine SID: left to Windows' own setupcl.exe at the next boot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.windows import setup

if TYPE_CHECKING:
    from reseal.session import Session


@provider(
    "machine-sid",
    "Ask Windows for a new machine SID at the next boot",
    mark=Mark.REPORTED,
    source="SetupCl values in real hives (seen); a published recipe that presets "
    "SidAccountDomainNew and was verified by its author; interoperability notes (reported)",
    entry_points=("spopk.dll,Sysprep_Generalize_Opk",),
    order=10,  # first in every list
)
def machine_sid(session: Session) -> None:
    r"""The SID that every local account's SID begins with.

    Windows keeps it in SECURITY, SAM, in names and data of every hive and in the descriptors of
    files. Sysprep does not change it when it runs: it leaves a request under
    `SYSTEM\Setup\SetupCl\PendingRequest`, which setupcl.exe, started through SETUPEXECUTE, carries
    out at the next boot, before specialize.

    reseal leaves the same request: OperationFlags 4 and nothing else, old results beside it removed,
    setupcl.exe first in SETUPEXECUTE of every control set that Select names, and other strings kept.
    """
    registry = session.registry
    key = registry.key(setup.SETUPCL)
    for value in list(key.values()) if key else []:
        session.delete_value(setup.SETUPCL, value.name)
    pending = registry.key(setup.PENDING_REQUEST)
    for subkey in list(pending.subkeys()) if pending else []:
        session.delete_key(rf"{setup.PENDING_REQUEST}\{subkey.name}")
    for value in list(pending.values()) if pending else []:
        if value.name.lower() != "operationflags":
            session.delete_value(setup.PENDING_REQUEST, value.name)
    # Other bits do other things; bit 0 resets disk signatures, which breaks the boot configuration.
    session.set_number(setup.PENDING_REQUEST, "OperationFlags", setup.REPLACE_ACCOUNT_DOMAIN_SID)

    for control_set in registry.control_sets:
        manager = setup.SESSION_MANAGER.replace("CurrentControlSet", control_set)
        for name in setup.SETUPEXECUTE_NAMES:
            wanted = setup.executed_beside(registry, manager, name)
            if name == setup.SETUPEXECUTE:
                # In this one alone: it works everywhere, and once is enough.
                wanted.insert(0, setup.SETUPCL_EXE)
            if wanted != setup.executed(registry, manager, name):
                session.set_strings(manager, name, wanted)
