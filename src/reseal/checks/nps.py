"""The secrets of a Network Policy Server."""

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
#: The collections of the configuration, with blanks as underscores, and what is in them.
COLLECTIONS = {"Clients": "RADIUS client", "RADIUS_Server_Groups": "remote RADIUS server group"}


@check(
    "nps",
    "The Network Policy Server knows no RADIUS clients and server groups.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Prepare a Network Policy Server (NPS) for Imaging; the collections: documented "
    "(Server Data Objects); their form in ias.xml: reported by scripts that read it",
)
def nps(session: Session) -> Iterable[Finding]:
    """RADIUS clients and remote server groups hold shared secrets, as text.

    Microsoft asks to remove them before imaging, since every clone would carry them; reseal's own
    provider does.
    """
    path = session.installation.path(CONFIGURATION)
    root = xml(session, path)
    if root is None:
        return
    for collection, what in COLLECTIONS.items():
        names = [name for element in root.iter() for name in _members(element, collection)]
        if names:
            yield warning(
                f"The Network Policy Server knows {len(names)} {what}{'s' if len(names) > 1 else ''} "
                f"({', '.join(names)}), with their shared secrets. Sysprep would leave them in every clone; "
                "reseal removes them, unless the provider network-policy-server is switched off.",
                "Review the connection request policies that name one of them.",
                items=names,
            )


def _members(element: etree._Element, collection: str) -> Iterable[str]:
    """Yield the names in a collection; it has them in an element `Children`."""
    if local_name(element) == collection:
        for children in element:
            if local_name(children) == "Children":
                yield from (one.get("name") or local_name(one) for one in children)
