"""The range from which a Hyper-V host gives MAC addresses to its virtual machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider

if TYPE_CHECKING:
    from reseal.session import Session

VIRTUALIZATION = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Virtualization"
POOL = ("MinimumMacAddress", "MaximumMacAddress")


@provider(
    "hyperv-mac-pool",
    "Delete the range of dynamic MAC addresses of a Hyper-V host",
    mark=Mark.REPORTED,
    source="https://cloudtidings.com/2009/12/28/mac-address-pool-duplication-in-hyper-v/ and "
    "https://techgenix.com/mac-address-pool-duplication-hyper-v/: the range is created with the role, "
    "Sysprep does not reset it, and deleted values are created again when the service vmms starts",
    beyond=True,
    identity="the range of dynamic MAC addresses of the Hyper-V host",
    renewal="The service vmms derives a range from the host's IP address at its next start.",
)
def hyperv_mac_pool(session: Session) -> None:
    """The 256 MAC addresses that a Hyper-V host gives to virtual machines.

    Hosts that were copied from one image give the same addresses, so virtual machines on one network
    collide. Sysprep leaves the range. reseal deletes its two ends, and the service creates another one.
    Virtual machines that exist keep the addresses that they have.
    """
    for name in POOL:
        session.delete_value(VIRTUALIZATION, name)
