r"""Group policy's records of the domain.

`SOFTWARE\Microsoft\Windows\CurrentVersion\Group Policy` records the applied policy objects (`History`),
the distinguished names of machine and user (`State`), the paths of cached copies (`DataStore`), and the
groups of users by SID. Copies of policy objects are kept in `ProgramData\Microsoft\Group Policy\History`
and `System32\GroupPolicy\DataStore`. (Reported by administrators and forensic tools; that they are
useless outside the domain: inferred.) The local policy in `System32\GroupPolicy` stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.providers.domain_leave.groups import names_foreign
from reseal.providers.places import empty

if TYPE_CHECKING:
    from reseal.session import Session
    from reseal.windows.sid import Sid

GROUP_POLICY = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Group Policy"
_KEYS = ("History", "State", "DataStore")
_HISTORY = r"ProgramData\Microsoft\Group Policy\History"
_DATA_STORE = r"System32\GroupPolicy\DataStore"


def forget(session: Session, machine: Sid | None) -> None:
    """Stage the removal of the history and the caches of group policy."""
    for name in _KEYS:
        session.delete_key(rf"{GROUP_POLICY}\{name}")
    for entry in session.registry.subkeys(GROUP_POLICY):
        if machine is not None and names_foreign(entry.name, machine):
            session.delete_key(rf"{GROUP_POLICY}\{entry.name}")
    for folder in (_HISTORY, session.installation.path(_DATA_STORE)):
        empty(session, folder)
