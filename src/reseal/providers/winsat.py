"""Results of the Windows System Assessment Tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.places import matching

if TYPE_CHECKING:
    from reseal.session import Session

DATA_STORE = r"Performance\WinSAT\DataStore"
#: Results that a PC manufacturer puts into an image on purpose.
_PREPOPULATED = "(prepop)"


@provider(
    "winsat",
    "Delete performance measurements of the old machine's hardware",
    mark=Mark.INFERRED,
    source="place, names, and that prepopulated results belong to an image: documented (Microsoft, "
    "winsat prepop); that Sysprep deletes the others: inferred from its entry point",
    entry_points=("spwinsat.dll,Sysprep_Clean_WinSAT",),
)
def winsat(session: Session) -> None:
    r"""Performance measurements of the old machine's processor, memory, disk and graphics.

    The files of `Performance\WinSAT\DataStore` name its hardware, and Windows adapts to them. reseal
    deletes them, and Windows measures again. Results that `winsat prepop` put there for images stay.
    """
    for path in matching(session, session.installation.path(DATA_STORE, "*.xml")):
        if _PREPOPULATED not in path.lower():
            session.delete_file(path)
