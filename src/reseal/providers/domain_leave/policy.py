r"""What group policy remembers of the domain.

`SOFTWARE\Microsoft\Windows\CurrentVersion\Group Policy` holds which policy objects were applied
(`History`), to which machine and user by distinguished name (`State`), where their cached copies
lie (`DataStore`), and the groups of users by their SID. Copies of policy objects are kept in
`ProgramData\Microsoft\Group Policy\History` and `System32\GroupPolicy\DataStore`. (Reported by
administrators and forensic tools; that they are of no use outside of the domain: inferred.) The local
policy beside them in `System32\GroupPolicy` stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.providers.domain_leave.groups import is_foreign
from reseal.tree import join
from reseal.windows.sid import Sid

if TYPE_CHECKING:
    from reseal.session import Session

GROUP_POLICY = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Group Policy"
_KEYS = ("History", "State", "DataStore")
_HISTORY = r"ProgramData\Microsoft\Group Policy\History"
_DATA_STORE = r"System32\GroupPolicy\DataStore"


def forget(session: Session, machine: Sid | None) -> None:
    """Stage the removal of the history and the caches of group policy."""
    for name in _KEYS:
        session.delete_key(rf"{GROUP_POLICY}\{name}")
    key = session.registry.key(GROUP_POLICY)
    for entry in list(key.subkeys()) if key else ():
        try:
            sid = Sid.parse(entry.name)
        except ValueError:
            continue
        if machine is not None and is_foreign(sid, machine):
            session.delete_key(rf"{GROUP_POLICY}\{entry.name}")
    for folder in (_HISTORY, session.installation.path(_DATA_STORE)):
        for file in session.files.list(folder):
            if file.is_directory:
                session.delete_tree(join(folder, file.name))
            else:
                session.delete_file(join(folder, file.name))
