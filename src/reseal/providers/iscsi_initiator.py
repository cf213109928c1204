"""The name of the iSCSI initiator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider

if TYPE_CHECKING:
    from reseal.session import Session

DISCOVERY = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\iSCSI\Discovery"


@provider(
    "iscsi-initiator",
    "Delete the name of the iSCSI initiator",
    mark=Mark.DOCUMENTED,
    source="Microsoft, SetIScsiInitiatorNodeName: without a name, initiators use one that is based on the "
    "computer's name; place: seen in OpenStack's os-win, which reads it",
    beyond=True,
    identity="the name of the iSCSI initiator",
    renewal="The initiator uses a name that is made of the computer's name.",
)
def iscsi_initiator(session: Session) -> None:
    """The name by which iSCSI targets tell initiators apart.

    A target gives its disks to any initiator with the name. Clones that share it write to one disk, and its
    data is lost. `DefaultInitiatorName` is deleted. Targets, portals and CHAP secrets stay.
    """
    session.delete_value(DISCOVERY, "DefaultInitiatorName")
