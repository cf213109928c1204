"""Old copies of hives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.windows.names import CONFIG, MACHINE_HIVES

if TYPE_CHECKING:
    from reseal.session import Session

_COPIES = ("sav", "old", "bak", "alt")


@provider(
    "old-hives",
    "Delete old copies of the registry's hives",
    mark=Mark.INFERRED,
    source="place of RegBack: documented (Microsoft support, KB4509719); that copies keep the old "
    "identity: inferred",
)
def old_hives(session: Session) -> None:
    r"""Copies of SAM, SECURITY, SYSTEM, … that keep the old identity and password hashes.

    The files of `System32\config\RegBack` and copies beside the hives (`SYSTEM.old`, `.bak`, `.sav`,
    `.alt`) go. A restored copy would bring the old SID back.
    """
    config = session.installation.path(CONFIG)
    for entry in session.files.list(f"{config}\\RegBack"):
        if not entry.is_directory:
            session.delete_file(f"{config}\\RegBack\\{entry.name}")
    for name in MACHINE_HIVES:
        for suffix in _COPIES:
            session.delete_file(f"{config}\\{name}.{suffix}")
