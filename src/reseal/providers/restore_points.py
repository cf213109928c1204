"""Restore points and shadow copies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.places import delete_matching
from reseal.tree import join

if TYPE_CHECKING:
    from reseal.session import Session

_METADATA = (
    r"System Volume Information\SPP\OnlineMetadataCache",
    r"System Volume Information\SPP\SppCbsHiveStore",
    r"System Volume Information\SPP\SppGroupCache",
)


@provider(
    "restore-points",
    "Delete restore points and the shadow copies that hold them",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep Command-Line Options, /generalize: restore points are cleared; layout "
    "of the shadow copy header: libyal libvshadow",
    entry_points=("srclient.dll,SysprepGeneralize", "srclient.dll,SysprepCleanup"),
)
def restore_points(session: Session) -> None:
    """Earlier states of the volume, with the old machine's hives.

    An offline write makes no copy of the data it overwrites, so shadow copies are worthless after any
    offline edit. reseal deletes the stores and the metadata of the restore points (inferred), and
    zeroes the catalogue in the volume's header.
    """
    session.forget_shadow_copies()
    for folder in _METADATA:
        delete_matching(session, join(folder, "*"))
