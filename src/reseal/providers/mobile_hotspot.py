"""The name and key of the mobile hotspot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider

if TYPE_CHECKING:
    from reseal.session import Session

_SERVICE = r"HKLM\SYSTEM\CurrentControlSet\Services\icssvc"
_VALUES = (
    (rf"{_SERVICE}\Settings", "PrivateConnectionSettings"),
    (rf"{_SERVICE}\Roaming\Profile", "SSID"),
    (rf"{_SERVICE}\Roaming\Profile", "Key"),
)


@provider(
    "mobile-hotspot",
    "Delete the name and key of the mobile hotspot",
    mark=Mark.INFERRED,
    source="the values: seen in a real SYSTEM hive of Windows 10 1709; that Windows makes new ones: "
    "inferred from machines without these values that never had a hotspot",
    beyond=True,
)
def mobile_hotspot(session: Session) -> None:
    r"""The wireless network that the machine can offer to others.

    Windows names it after the computer, generates its key once, and keeps both under `Services\icssvc`,
    the key in clear text. Clones would offer the same network with the same key. reseal deletes both in
    every control set; Windows generates new ones when a user opens the hotspot's settings.
    """
    for path, name in _VALUES:
        session.delete_value(path, name)
