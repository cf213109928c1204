"""The contact ids of the Distributed Transaction Coordinator."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider

if TYPE_CHECKING:
    from reseal.session import Session

#: CID.Local since Windows Server 2008 (documented: [MS-CMOM], versions of the registry protocol).
CONTACTS = (r"HKLM\SOFTWARE\Classes\CID", r"HKLM\SOFTWARE\Classes\CID.Local")
_GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


@provider(
    "msdtc",
    "Replace the contact ids of the transaction coordinator",
    mark=Mark.DOCUMENTED,
    source="Microsoft, [MS-CMOM] 2.2.3.5: every contact key has its own GUID; BizTalk "
    "documentation: disk images duplicate them and transactions fail; that renaming the key suffices: "
    "inferred",
    entry_points=("msdtcprx.dll,SysPrepDtcGeneralize", "msdtcprx.dll,SysPrepDtcCleanup"),
)
def msdtc(session: Session) -> None:
    r"""The ids that distinguish transaction coordinators.

    Under `HKEY_CLASSES_ROOT\CID` (and `CID.Local`) each contact of MSDTC is a key named by a GUID. Two
    machines with the same GUID can't take part in one transaction. No source says that a missing key is
    created again except by `msdtc -install`, so each key gets a new GUID and keeps its content. A contact
    that is in both trees gets the same name in both.
    """
    names: dict[str, str] = {}
    for path in CONTACTS:
        for contact in [subkey.name for subkey in session.registry.subkeys(path)]:
            if _GUID.fullmatch(contact):
                if contact.lower() not in names:
                    names[contact.lower()] = str(uuid.UUID(bytes=session.random(16), version=4))
                session.rename_key(rf"{path}\{contact}", names[contact.lower()])
