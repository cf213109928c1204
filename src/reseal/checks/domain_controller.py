"""Domain controllers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, error
from reseal.mark import Mark

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session


@check(
    "domain-controller",
    "The machine is no domain controller.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep Support for Server Roles: AD DS is not supported in any version; "
    "ProductType: documented (Win32)",
)
def domain_controller(session: Session) -> Iterable[Finding]:
    """A domain controller has no accounts of its own: its SID is the domain's.

    Replacing that would cut the directory off from every member, so here the role that Microsoft
    merely calls unsupported is an error (inferred).
    """
    if session.installation.is_domain_controller:
        yield error(
            "The machine is a domain controller, and its SID is that of the domain.",
            "Boot the image and demote it (`Uninstall-ADDSDomainController`), or promote clones only "
            "after they were deployed.",
        )
