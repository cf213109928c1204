"""Hardware data that an upgrade of Windows leaves behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.windows.setup import SETUP

if TYPE_CHECKING:
    from reseal.session import Session

UPGRADE = rf"{SETUP}\Upgrade"
#: Below `Upgrade`. Other keys there belong to Setup and stay.
SUBTREES = (
    "NetworkDriverBackup",
    r"PnP\CurrentControlSet\Control\DeviceMigration",
    "Bluetooth",
)


@provider(
    "upgrade-leftovers",
    "Delete the devices and adapters recorded by an upgrade",
    mark=Mark.INFERRED,
    source="NetworkDriverBackup and DeviceMigration: forensic guides that read old devices there "
    "(reported); that they may go once the upgrade is over: inferred",
    beyond=True,
)
def upgrade_leftovers(session: Session) -> None:
    r"""Copies of network adapters, devices and Bluetooth pairings from before an upgrade.

    An upgrade saves them below `SYSTEM\Setup\Upgrade` and reads them while it installs the devices of the
    new version. They stay after it, with addresses and serial numbers of the machine's hardware. Sysprep
    leaves them. reseal removes the subtrees `NetworkDriverBackup`, `PnP\…\DeviceMigration` and
    `Bluetooth`, and nothing else there. The check `upgrade-under-way` refuses an image whose upgrade has
    not finished.
    """
    for subtree in SUBTREES:
        session.delete_key(rf"{UPGRADE}\{subtree}")
