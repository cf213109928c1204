"""Wi-Fi networks, with their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.places import delete_subkeys
from reseal.tree import join

if TYPE_CHECKING:
    from reseal.session import Session

PROFILES = r"ProgramData\Microsoft\Wlansvc\Profiles\Interfaces"
INTERFACES = r"HKLM\SOFTWARE\Microsoft\WlanSvc\Interfaces"


@provider(
    "wifi-profiles",
    "Delete the profiles of Wi-Fi networks",
    mark=Mark.INFERRED,
    source="places: reported by forensic tools and administrators; that a machine's image must not "
    "carry them: inferred",
)
def wifi_profiles(session: Session) -> None:
    r"""The Wi-Fi networks that the machine joins automatically.

    Each is an XML file below `ProgramData\Microsoft\Wlansvc\Profiles\Interfaces\<adapter>` that holds the
    network's key, encrypted for the machine; its history is below
    `SOFTWARE\Microsoft\WlanSvc\Interfaces\<adapter>`. Both belong to the GUID of an adapter, so no clone
    can use them, but the machine's own keys decrypt them. No source says what Sysprep does with them;
    reseal deletes the folder and the key of every adapter.
    """
    for entry in session.files.list(PROFILES):
        if entry.is_directory:
            session.delete_tree(join(PROFILES, entry.name))
    delete_subkeys(session, INTERFACES)
