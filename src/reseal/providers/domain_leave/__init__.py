"""Membership in a domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.providers.domain_leave import membership, policy, services
from reseal.providers.domain_leave.groups import names_foreign, remove_foreign
from reseal.windows import identity

if TYPE_CHECKING:
    from reseal.session import Session
    from reseal.windows.sid import Sid

__all__ = ["domain_leave"]

#: How many profiles a note names; the others are counted.
_SHOWN = 10


@provider(
    "domain-leave",
    "Leave the domain for the workgroup WORKGROUP",
    mark=Mark.INFERRED,
    source="that Sysprep removes a machine from its domain: documented (Microsoft, Sysprep Overview); "
    "the state of members and of machines without a domain: seen in real hives of Windows 7, 8.1 and "
    "10; that this state alone is enough: inferred",
)
def domain_leave(session: Session) -> None:
    r"""The machine's account in a domain, which two machines must not share.

    A member keeps the domain's name and SID and the password of its machine account in SECURITY. It
    caches the logons of the last users, has domain groups as members of its local groups in SAM, uses
    the domain's name as DNS suffix, takes its time from the domain, and keeps the history of group policy.

    Sysprep makes the machine a member of a workgroup. reseal does the same: it gives the policy the
    values of a machine without a domain, deletes the account's password, empties the cached logons,
    removes domain accounts from the local groups, sets Netlogon to start on demand, takes the time
    from a time server, and deletes history and caches of group policy. The computer account in the
    directory stays and can be deleted there.

    Profiles of domain users stay and are listed. The password policy and all other settings that group
    policy made also stay, and a note says so. A machine without a domain is not changed.
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
        "stay. Delete the computer account in the directory if you no longer need it."
    )


def _list_profiles(session: Session, machine: Sid) -> None:
    found = sorted(
        f"{path} ({sid})"
        for sid, path in session.registry.profiles.items()
        if names_foreign(sid, machine)
    )
    if found:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        session.note(f"Profiles of domain users stay: {', '.join(found[:_SHOWN])}{more}.")
