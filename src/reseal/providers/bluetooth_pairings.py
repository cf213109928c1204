"""Bluetooth devices that were paired with the machine, with their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider

if TYPE_CHECKING:
    from reseal.session import Session

PARAMETERS = r"HKLM\SYSTEM\CurrentControlSet\Services\BTHPORT\Parameters"
#: Below `Parameters`: a key for each adapter, and one for each paired device.
FOLDERS = ("Keys", "Devices")


@provider(
    "bluetooth-pairings",
    "Delete the keys of paired Bluetooth devices",
    mark=Mark.INFERRED,
    source="Keys\\<adapter>, with a link key for each device: reported (guides for machines with two "
    "systems); an adapter's key in a real hive: seen; that a machine's image must not carry them: inferred",
    beyond=True,
)
def bluetooth_pairings(session: Session) -> None:
    r"""The link keys with which paired devices and the machine recognize each other.

    `Services\BTHPORT\Parameters\Keys` has a key named after the address of each of the machine's Bluetooth
    adapters, with a secret for each paired device; `Devices` describes these devices. With them a clone could
    pose as the machine to its keyboards and headsets. No source says what Sysprep does with them. The devices
    themselves go with the provider `pnp`, so they have to be paired again in any case. reseal deletes both;
    in VM mode, where devices stay, so do they.
    """
    for folder in FOLDERS:
        for one in session.registry.subkeys(rf"{PARAMETERS}\{folder}"):
            session.delete_key(rf"{PARAMETERS}\{folder}\{one.name}")
