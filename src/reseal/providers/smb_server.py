"""The identifier of the SMB server."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider

if TYPE_CHECKING:
    from reseal.session import Session

LANMAN_SERVER = r"Services\LanmanServer\Parameters"
_SIZE = 16


@provider(
    "smb-server-guid",
    "Replace the identifier of the SMB server",
    mark=Mark.SEEN,
    source="place: seen in real SYSTEM hives of Windows 7 and 10; meaning: documented ([MS-SMB2] "
    "2.2.4, ServerGuid); what Sysprep does: not confirmed, hence replaced rather than deleted",
)
def smb_server(session: Session) -> None:
    r"""The GUID of the machine's file server.

    The server sends `Guid` of `Services\LanmanServer\Parameters` to every client at the start of a
    connection. Clients treat servers with one GUID as one server reached over two paths. reseal writes
    the same new random GUID to every control set.
    """
    fresh = uuid.UUID(bytes=session.random(_SIZE), version=4).bytes_le
    for control_set in session.registry.control_sets:
        path = rf"HKLM\SYSTEM\{control_set}\{LANMAN_SERVER}"
        key = session.registry.key(path)
        old = key.value("Guid") if key else None
        if old is not None and len(old.data) == _SIZE:
            session.set_value(path, "Guid", old.type, fresh)
