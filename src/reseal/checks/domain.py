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
    """Sysprep removes a member from its domain: a clone would share the machine account.

    The same page says that Sysprep runs only in a workgroup; what it does to a member it says in the
    next sentence, and reseal does that. The password policy that the domain set stays.
    """
    found = identity.domain(session.registry)
    if found.joined:
        yield warning(
            f"The machine is a member of the domain {found.name}. Generalizing removes it from the "
            "domain: it becomes a member of a workgroup, and accounts of the domain can't log on any "
            "more. The domain's password policy stays.",
            "Make sure that a local administrator with a strong password exists.",
        )
