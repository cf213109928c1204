"""Recycle bins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.places import empty

if TYPE_CHECKING:
    from reseal.session import Session

RECYCLE_BIN = "$Recycle.Bin"


@provider(
    "recycle-bins",
    "Empty the recycle bins",
    mark=Mark.INFERRED,
    source="layout, one folder for each user's SID: seen in every system since Windows Vista; that an "
    "image needs none: inferred",
)
def recycle_bins(session: Session) -> None:
    """Files that users deleted.

    Each user has a folder named after the user's SID below `$Recycle.Bin` in the root of the volume.
    reseal deletes these folders; Windows creates one when the user deletes a file.
    """
    empty(session, RECYCLE_BIN)
