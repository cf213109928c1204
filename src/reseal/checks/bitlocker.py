"""BitLocker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, error, note
from reseal.mark import Mark

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

STATUS = r"HKLM\SYSTEM\CurrentControlSet\Control\BitLockerStatus"
ON = 1


@check(
    "bitlocker",
    "The system volume is not encrypted with BitLocker.",
    mark=Mark.SEEN,
    source="exported validator ValidateBitLockerState of BdeSysprep.dll; its message and code: reported; "
    "BitLockerStatus!BootStatus: reported",
    entry_points=("bdesysprep.dll,ValidateBitLockerState",),
    sysprep_says="BitLocker-Sysprep: BitLocker is on for the OS volume. Turn BitLocker off to run "
    "Sysprep. (0x80310039)",
    code="0x80310039",
    order=10,  # an encrypted volume explains what other checks find
)
def bitlocker(session: Session) -> Iterable[Finding]:
    """Sysprep refuses an encrypted system volume; reseal can decrypt it first.

    A folder may come from a volume that was unlocked and mounted, where the registry still says that
    Windows was started from an encrypted volume. Sysprep ignores other encrypted volumes, but a clone
    can't unlock them by itself, since the keys for that are bound to the old Windows (inferred).
    """
    if session.volume_state is not None and session.volume_state.encrypted:
        yield error(
            "BitLocker encrypts the system volume.",
            "Add --decrypt, which decrypts it first. Or boot the image, run `manage-bde -off C:`, wait "
            "until it is decrypted, and shut it down.",
        )
    if session.volume_state is None and session.registry.number(STATUS, "BootStatus") == ON:
        yield error(
            "Windows was last started from a volume that BitLocker encrypts.",
            "Boot the image, run `manage-bde -off C:`, wait until it is decrypted, and shut it down.",
        )
    for number in session.neighbours.encrypted_volumes:
        yield note(
            f"BitLocker is on for volume {number}, which was not changed. A clone of the image needs "
            "its password or recovery key."
        )
