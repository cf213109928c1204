"""A request to setupcl.exe that has not been carried out yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, note, warning
from reseal.mark import Mark
from reseal.windows import setup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

CHECK = "setupcl-request"


@check(
    CHECK,
    "setupcl.exe is not asked to change the disks at the next boot.",
    mark=Mark.REPORTED,
    source="bits of OperationFlags: interoperability notes (reported); that the boot configuration finds "
    "Windows by the disk's signature: documented",
    order=30,  # the state of Windows as a whole
)
def setupcl_request(session: Session) -> Iterable[Finding]:
    r"""A request that Sysprep, Setup or a cloning tool left and that the next boot carries out.

    `SYSTEM\Setup\SetupCl\PendingRequest` `OperationFlags`. Generalizing keeps its bits and what belongs
    to them. Bit 0x1 gives the disks new signatures, and the boot configuration finds Windows by the
    present ones: generalizing removes it. `--force setupcl-request` keeps it.
    """
    flags = setup.pending_operations(session.registry)
    if flags & setup.RESET_DISK_SIGNATURES:
        yield warning(
            f"The pending SetupCl request ({setup.OPERATION_FLAGS} {flags:#x}) has bit 0x1: setupcl.exe "
            "will give the disks new signatures, but the boot configuration finds Windows by the old ones.",
            f"Generalizing removes the bit; --force {CHECK} keeps it.",
        )
    elif flags & ~setup.REPLACE_ACCOUNT_DOMAIN_SID:
        yield note(
            f"The pending SetupCl request has more bits than that for a new SID "
            f"({setup.OPERATION_FLAGS} {flags:#x}); they stay."
        )
