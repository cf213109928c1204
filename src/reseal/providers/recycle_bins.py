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

    Each user has a folder, named by the user's SID, in `$Recycle.Bin` in the root of the volume. The
    folders go; Windows makes a new one for a user who deletes something.
    """
    empty(session, RECYCLE_BIN)
