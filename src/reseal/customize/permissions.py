"""Owners and security descriptors of files and folders."""

from __future__ import annotations

from reseal.customize import guest
from reseal.customize.shared import Run
from reseal.customize.step import Given
from reseal.errors import UsageError
from reseal.session import Session
from reseal.windows import identity, sddl
from reseal.windows.accounts import accounts
from reseal.windows.sid import Sid

#: Common names in addition to those of the machine's own accounts (documented, Well-known SIDs).
_NAMES = {
    "administrators": "BA", "authenticated users": "AU", "everyone": "WD", "local service": "LS",
    "network service": "NS", "system": "SY", "users": "BU",
    "trustedinstaller": "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",
}  # fmt: skip


def owner(run: Run, given: Given) -> None:
    """Do the step `owner`."""
    wanted, account = given.text("guest"), given.text("account")
    session = run.session
    path = guest.existing(session, wanted)
    old = _descriptor(session, path)
    session.set_descriptor(path, sddl.with_owner(old, account_sid(session, account)))


class Sddl:
    """The step `sddl`."""

    def __init__(self, given: Given) -> None:
        self._guest, self._sddl = given.text("guest"), given.text("sddl")
        # Report mistakes in the text before the image is opened.
        anything = sddl.descriptor("O:BAG:BAD:")
        sddl.descriptor(self._sddl, Sid(5, (21, 1, 2, 3)), anything)

    def stage(self, run: Run) -> None:
        """Stage the descriptor."""
        session = run.session
        path = guest.existing(session, self._guest)
        machine = identity.machine_sid(session.registry)
        new = sddl.descriptor(self._sddl, machine, _descriptor(session, path))
        session.set_descriptor(path, new)


def account_sid(session: Session, name: str) -> Sid:
    """Return the SID of an account, given its name, its SID, or its two letters in SDDL.

    Raises:
        UsageError: the image has no such account.
    """
    machine = identity.machine_sid(session.registry)
    for one in accounts(session.registry) if machine else ():
        if machine and one.name.casefold() == name.casefold():
            return machine.relative(one.rid)
    try:
        return sddl.sid(_NAMES.get(name.casefold(), name), machine)
    except UsageError:
        msg = f"The image has no account {name!r}."
        raise UsageError(
            msg, "Name an account of the machine, a SID, SYSTEM, Administrators or Users."
        ) from None


def _descriptor(session: Session, path: str) -> bytes:
    found = session.files.descriptor(path)
    if found is None:
        msg = "A folder does not store Windows permissions."
        raise UsageError(msg, "Use a disk image.")
    return found
