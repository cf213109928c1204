"""Local accounts that services and automatic logon name with the old computer name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.windows.named_accounts import LOCAL, WINLOGON, logon_domain, service_accounts

if TYPE_CHECKING:
    from reseal.session import Session


@provider(
    "account-names",
    "Name the local accounts of services without the old computer name",
    mark=Mark.INFERRED,
    source=r".\user for a service: documented (Microsoft, CreateService); services that fail to log on after "
    "the computer was renamed: reported; the form for automatic logon: inferred from LogonUser",
    beyond=True,
    # Before the provider that replaces the name.
    order=10,
)
def account_names(session: Session) -> None:
    r"""Accounts such as `OLDNAME\svc_sync`, which the next machine does not know.

    A service keeps the account that it logs on as in `ObjectName`, and automatic logon in
    `DefaultDomainName`. If they name the computer, the logon fails as soon as it has another name. Sysprep
    leaves them. reseal writes `.\svc_sync`, which means the local account on any computer, if SAM has the
    account. The password of a service stays: LSA keeps it under the name of the service. Scheduled tasks
    keep such names, since Task Scheduler has copies of them in a form that is not documented; the check
    `account-names` lists them.
    """
    for one in list(service_accounts(session.registry)):
        if one.known:
            session.set_text(one.path, "ObjectName", one.local)
    if logon_domain(session.registry):
        session.set_text(WINLOGON, "DefaultDomainName", LOCAL)
