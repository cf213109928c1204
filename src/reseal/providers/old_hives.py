"""Old copies of registry hives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.places import delete_matching
from reseal.tree import join
from reseal.windows.names import CONFIG, MACHINE_HIVES

if TYPE_CHECKING:
    from reseal.session import Session

_COPIES = ("sav", "old", "bak", "alt")


@provider(
    "old-hives",
    "Delete old copies of the registry hives",
    mark=Mark.INFERRED,
    source="place of RegBack: documented (Microsoft support, KB4509719); that copies keep the old "
    "identity: inferred",
)
def old_hives(session: Session) -> None:
    r"""Copies of SAM, SECURITY, SYSTEM, … that keep the old identity and password hashes.

    reseal deletes the files of `System32\config\RegBack` and the copies in the hives' folder
    (`SYSTEM.old`, `.bak`, `.sav`, `.alt`). Restoring one would bring the old SID back.
    """
    config = session.installation.path(CONFIG)
    delete_matching(session, join(config, "RegBack", "*"))
    for name in MACHINE_HIVES:
        for suffix in _COPIES:
            session.delete_file(f"{config}\\{name}.{suffix}")
