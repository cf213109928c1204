"""Windows LAPS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider

if TYPE_CHECKING:
    from reseal.session import Session

STATE = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\LAPS\State"


@provider(
    "windows-laps",
    "Delete the state of Windows LAPS",
    mark=Mark.INFERRED,
    source="Microsoft, Windows LAPS: key concepts, rollback detection: LastPasswordVersion below "
    "LAPS/State is compared with the directory (documented); that LAPS sets a password without a state: "
    "inferred",
    beyond=True,
    identity="the state of Windows LAPS",
    renewal="LAPS sets a new password at its next processing cycle and records it.",
)
def windows_laps(session: Session) -> None:
    r"""When and with which version LAPS last set the local administrator's password.

    The key `LAPS\State` belongs to the account of the old machine in its directory. A clone that keeps it
    counts the password as set until it expires, so all clones would share it. reseal deletes the key.
    Policies stay.
    """
    session.delete_key(STATE)
