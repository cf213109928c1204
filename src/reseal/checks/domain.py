"""Domain membership."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, warning
from reseal.mark import Mark
from reseal.windows import identity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session


@check(
    "domain",
    "The machine is a member of a workgroup.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep (System Preparation) Overview: Limitations",
)
def domain(session: Session) -> Iterable[Finding]:
    """Sysprep removes a member from its domain; otherwise clones would share the machine account.

    The source says that Sysprep runs only in a workgroup, and in the next sentence what it does to a
    domain member; reseal does the latter. The password policy set by the domain stays.
    """
    found = identity.domain(session.registry)
    if found.joined:
        yield warning(
            f"The machine is a member of the domain {found.name}. Generalizing removes it from "
            "the domain and makes it a member of a workgroup. Domain accounts can then no longer log on. "
            "The domain's password policy stays.",
            "Make sure that a local administrator with a strong password exists.",
        )
