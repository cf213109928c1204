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
    "The machine is not a domain controller.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep Support for Server Roles: AD DS is not supported in any version; "
    "ProductType: documented (Win32)",
)
def domain_controller(session: Session) -> Iterable[Finding]:
    """A domain controller has no local accounts: its SID is the domain's.

    Replacing it would cut the directory off from every member. The role, which Microsoft only calls
    unsupported, is therefore an error here (inferred).
    """
    if session.installation.is_domain_controller:
        yield error(
            "The machine is a domain controller, and its SID is that of the domain.",
            "Boot the image and demote it (`Uninstall-ADDSDomainController`), or promote clones only "
            "after deployment.",
        )
