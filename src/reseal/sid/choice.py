"""Which SID a machine gets."""

from __future__ import annotations

from collections.abc import Callable

from reseal.errors import CheckError, UsageError
from reseal.session import Session
from reseal.windows import Sid, identity

#: Has the form of a machine SID and is a constant of Microsoft's: it occurs in the hives of unrelated
#: installations (seen in several Windows 10 images).
CONSTANTS = frozenset({Sid.parse("S-1-5-21-2702878673-795188819-444038987")})
_LIMIT = 1 << 32
_NUMBERS = 3


def choose(old: Sid, random: Callable[[int], bytes], taken: frozenset[Sid] = frozenset()) -> Sid:
    """Choose a new machine SID whose numbers have as many digits as the old ones.

    So every text that holds it keeps its length.

    Args:
        old: the machine's present SID.
        random: returns so many random bytes.
        taken: SIDs that it must not be.
    """
    forbidden = {old, *CONSTANTS, *taken}
    while True:
        numbers = [_number(len(str(number)), random) for number in old.sub_authorities[1:]]
        sid = Sid(old.authority, (old.sub_authorities[0], *numbers))
        if sid not in forbidden:
            return sid


def _number(digits: int, random: Callable[[int], bytes]) -> int:
    """Draw a number of so many digits that a sub-authority can hold."""
    first = int("1".ljust(digits, "0")) if digits > 1 else 0
    last = min(int("9" * digits) + 1, _LIMIT)
    # 16 random bytes make the bias of the remainder negligible.
    return first + int.from_bytes(random(16), "little") % (last - first)


def refuse(session: Session, new: Sid) -> None:
    """Raise where a SID can't be this machine's.

    Raises:
        UsageError: it has not the form of a machine's, or is a constant of Microsoft's.
        CheckError: it is the SID of the machine's domain.
    """
    if not new.is_machine:
        msg = f"{new} is not a machine SID: it must have the form S-1-5-21-x-y-z."
        raise UsageError(msg, "Choose three numbers, or let reseal choose them.")
    if new in CONSTANTS:
        msg = f"{new} is a constant of Windows and can't be a machine's SID."
        raise UsageError(msg, "Choose other numbers, or let reseal choose them with --new.")
    if new == identity.domain_sid(session.registry):
        msg = f"{new} is the SID of the machine's domain. Nothing was changed."
        raise CheckError(msg, "Choose other numbers, or let reseal choose them with --new.")
