"""BitLocker on the system volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check
from reseal.session import Mark

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session


@check(
    "bitlocker",
    "The system volume is not encrypted with BitLocker.",
    mark=Mark.SEEN,
    source="exported validator ValidateBitLockerState of BdeSysprep.dll",
    entry_points=("bdesysprep.dll,ValidateBitLockerState",),
)
def bitlocker(session: Session) -> Iterable[Finding]:
    """An encrypted volume is refused when the image is opened; whoever gets here can read it."""
    del session
    return ()
