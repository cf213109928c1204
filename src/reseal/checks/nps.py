"""The shared secrets of a Network Policy Server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, warning
from reseal.checks.reading import xml
from reseal.mark import Mark
from reseal.xml import local_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lxml import etree

    from reseal.session import Session

CONFIGURATION = r"System32\ias\ias.xml"
#: The collections of the configuration, with blanks as underscores, and the kind of their elements.
COLLECTIONS = {"Clients": "RADIUS client", "RADIUS_Server_Groups": "remote RADIUS server group"}


@check(
    "nps",
    "The Network Policy Server has no RADIUS clients and no server groups.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Prepare a Network Policy Server (NPS) for Imaging; the collections: documented "
    "(Server Data Objects); their form in ias.xml: reported by scripts that read it",
)
def nps(session: Session) -> Iterable[Finding]:
    """RADIUS clients and remote server groups contain shared secrets in plain text.

    Microsoft asks for their removal before imaging, since every clone would carry them; reseal's own
    provider removes them.
    """
    path = session.installation.path(CONFIGURATION)
    root = xml(session, path)
    if root is None:
        return
    for collection, what in COLLECTIONS.items():
        names = [name for element in root.iter() for name in _members(element, collection)]
        if names:
            yield warning(
                f"The Network Policy Server has {len(names)} {what}{'s' if len(names) > 1 else ''} "
                f"({', '.join(names)}) with shared secrets. Sysprep would leave them in every clone. "
                "reseal removes them unless the provider network-policy-server is disabled.",
                "Review the connection request policies that name one of them.",
                items=names,
            )


def _members(element: etree._Element, collection: str) -> Iterable[str]:
    """Yield the names in a collection, which are in its element `Children`."""
    if local_name(element) == collection:
        for children in element:
            if local_name(children) == "Children":
                yield from (one.get("name") or local_name(one) for one in children)
