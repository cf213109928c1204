"""Membership in a domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.domain_leave import membership, policy, services
from reseal.providers.domain_leave.groups import is_foreign, remove_foreign
from reseal.windows import identity
from reseal.windows.sid import Sid

if TYPE_CHECKING:
    from reseal.session import Session

__all__ = ["domain_leave"]

#: How many profiles a note names; the rest is counted.
_SHOWN = 10


@provider(
    "domain-leave",
    "Leave the domain for the workgroup WORKGROUP",
    mark=Mark.INFERRED,
    source="that Sysprep takes a machine out of its domain: documented (Microsoft, Sysprep Overview); "
    "the state of a member and of a machine without domain: seen in real hives of Windows 7, 8.1 and "
    "10; that this state alone is enough: inferred",
)
def domain_leave(session: Session) -> None:
    r"""The machine's account in a domain, which no two machines may share.

    A member has the domain's name and SID and the password of its machine account in SECURITY, the
    last users' logons cached, domain groups among the members of its own groups in SAM, the domain's
    name as DNS suffix, its time from the domain, and the history of group policy.

    Sysprep makes the machine a member of a workgroup. reseal does the same: the policy gets the
    values that it has without a domain, the account's password goes, cached logons become empty
    entries, accounts of domains leave the local groups, Netlogon starts on demand, the time comes
    from a time server, and history and caches of group policy go. The machine's account in the
    directory stays and can be deleted there.

    Profiles of domain users are listed and stay. So do the password policy and every other setting
    that group policy made; that is said. A machine without a domain is not touched.
    """
    domain = identity.domain(session.registry)
    if not domain.joined:
        return
    machine = identity.machine_sid(session.registry)
    membership.leave(session)
    services.leave(session, domain.name)
    policy.forget(session, machine)
    if machine is not None:
        remove_foreign(session, machine)
        _list_profiles(session, machine)
    session.note(
        f"The machine leaves the domain {domain.name} and becomes a member of "
        f"{membership.WORKGROUP}. The password policy and other settings that group policy made "
        "stay; the computer account in the directory is yours to delete."
    )


def _list_profiles(session: Session, machine: Sid) -> None:
    found = []
    for sid, path in session.registry.profiles.items():
        try:
            foreign = is_foreign(Sid.parse(sid), machine)
        except ValueError:
            continue
        if foreign:
            found.append(f"{path} ({sid})")
    if found:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        session.note(f"Profiles of domain users stay: {', '.join(sorted(found)[:_SHOWN])}{more}.")
