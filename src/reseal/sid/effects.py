"""What another SID breaks."""

from __future__ import annotations

from reseal.errors import CheckError
from reseal.session import Session
from reseal.sid import places
from reseal.windows import Sid, identity

_MASTER_KEYS = places.Place(r"{profile}\AppData\Roaming\Microsoft\Protect", 1)
_GUID_LENGTH = 36
_ENCRYPTED = 0x4000
_DOCUMENTS = places.Place("{profile}", 1)


def master_keys(session: Session, old: Sid) -> list[str]:
    """The DPAPI master keys of the machine's own users."""
    return [
        path
        for path in places.files(session, _MASTER_KEYS)
        if f"\\{old}-".lower() in path.lower()
        and len(path.rpartition("\\")[2]) == _GUID_LENGTH
        and path.rpartition("\\")[2].count("-") == 4
    ]


def effects(session: Session, old: Sid) -> list[str]:
    """Say in whole sentences what the change of the SID breaks."""
    found = [
        (
            "Access that other machines and removable or network drives grant to this machine's local "
            "accounts is lost, since their SIDs change."
        )
    ]
    keys = master_keys(session, old)
    if keys:
        found.append(
            f"What local users protected with DPAPI (saved passwords, private keys) can't be read any "
            f"more, since their {len(keys)} master keys are bound to the old SID: {', '.join(keys)}."
        )
    encrypted = [
        path for path, entry in places.found(session, _DOCUMENTS) if entry.attributes & _ENCRYPTED
    ]
    if encrypted:
        found.append(
            "Files that local users encrypted with EFS can't be read any more, among them "
            f"{', '.join(encrypted[:5])}."
        )
    domain = identity.domain(session.registry)
    if domain.joined:
        found.append(f"The trust between the machine and its domain {domain.name} may be lost.")
    return found


def refuse_in_domain(session: Session, *, force: bool) -> None:
    """Raise CheckError for a member of a domain, unless forced."""
    domain = identity.domain(session.registry)
    if domain.joined and not force:
        msg = (
            f"The machine is a member of the domain {domain.name}; another SID may cost it the "
            "domain's trust. Nothing was changed."
        )
        raise CheckError(msg, "Move it to a workgroup first, or use --force domain.")
