"""The networks that the machine has joined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.places import delete_subkeys

if TYPE_CHECKING:
    from reseal.session import Session

NETWORK_LIST = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\NetworkList"
_LISTS = ("Profiles", r"Signatures\Managed", r"Signatures\Unmanaged", r"Nla\Cache\Intranet")


@provider(
    "network-list",
    "Forget the networks that the machine has joined",
    mark=Mark.INFERRED,
    source="that Sysprep generalizes the network list: seen (entry point); the exact keys: inferred",
    entry_points=("nlmsprep.dll,NetworkListManager_Generalize",),
)
def network_list(session: Session) -> None:
    r"""Names, gateways and MAC addresses of networks.

    `NetworkList` under `Windows NT\CurrentVersion` records for every network the MAC address of its
    gateway and the times of first and last use. reseal deletes the entries under `Profiles`,
    `Signatures` and the cache of Network Location Awareness; the keys that hold them stay.
    """
    for name in _LISTS:
        delete_subkeys(session, rf"{NETWORK_LIST}\{name}")
