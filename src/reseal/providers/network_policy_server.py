"""RADIUS clients and server groups of a Network Policy Server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.markup import MarkupError, elements, replaced
from reseal.providers.places import configuration

if TYPE_CHECKING:
    from reseal.session import Session

IAS = r"System32\ias\ias.xml"
_SERVICE = ("Root", "Children", "Microsoft_Internet_Authentication_Service", "Children")
#: The collections; each child element is one client or one group.
_CLIENTS = (
    *_SERVICE, "Protocols", "Children", "Microsoft_Radius_Protocol", "Children", "Clients", "Children",
)  # fmt: skip
_GROUPS = (*_SERVICE, "RADIUS_Server_Groups", "Children")


@provider(
    "network-policy-server",
    "Remove RADIUS clients and server groups",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Prepare a Network Policy Server for imaging: both have to be removed before "
    "Sysprep; form of ias.xml: seen in published configurations and in scripts that edit it",
    beyond=True,
)
def network_policy_server(session: Session) -> None:
    r"""The devices that may authenticate users at this server, with their shared secrets.

    `System32\ias\ias.xml` holds an element for each RADIUS client and each group of remote RADIUS
    servers. Sysprep leaves them, and Microsoft asks administrators to remove them before imaging.
    reseal removes the elements from the file; the other bytes stay. Connection request policies that
    name a removed group need a review.
    """
    path = session.installation.path(IAS)
    data = configuration(session, path)
    if not data:
        return
    try:
        found = elements(data)
    except MarkupError as error:
        session.note(f"{path} was left as it is: it can't be read as XML: {error}.")
        return
    entries = [one for one in found if one.path[:-1] in {_CLIENTS, _GROUPS}]
    if entries:
        session.write_file(path, replaced(data, [(one.start, one.end, "") for one in entries]))
        session.note(
            f"{len(entries)} RADIUS clients and server groups were removed from {path}. Review the "
            "connection request policies that name one of the groups."
        )
