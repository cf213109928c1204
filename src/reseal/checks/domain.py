"""Domain membership."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, Level, check
from reseal.session import Mark
from reseal.windows import identity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session


@check(
    "domain",
    "The machine is a member of a workgroup.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep (System Preparation) Overview: runs only in a workgroup",
)
def domain(session: Session) -> Iterable[Finding]:
    """A clone of a domain member would share the machine account of the original."""
    found = identity.domain(session.registry)
    if found.joined:
        yield Finding(
            "domain",
            Level.ERROR,
            f"The machine is a member of the domain {found.name}.",
            "Boot the image and move it to a workgroup (`Remove-Computer`), then run this again.",
        )
