"""User Access Logging of Windows Server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.places import empty

if TYPE_CHECKING:
    from reseal.session import Session

DATABASE = r"System32\LogFiles\Sum"


@provider(
    "user-access-logging",
    "Delete the log of the users of the server's roles",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Manage User Access Logging, Deleting data logged by UAL: the files of this "
    "folder are deleted; that SumSysprepCleanup does it: inferred from its name",
    entry_points=("ualsvc.dll,SumSysprepCleanup",),
)
def user_access_logging(session: Session) -> None:
    r"""Years of records of which users and addresses used which role of the old server.

    The databases in `System32\LogFiles\Sum` also hold the server's own identity. reseal deletes them and
    does not edit them, since their pages carry checksums; the service creates new ones.
    """
    empty(session, session.installation.path(DATABASE))
