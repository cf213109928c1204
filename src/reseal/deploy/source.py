"""What a disk is made from: an image in a WIM, or the Windows volume of a disk image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reseal.checks.declaration import NotCheckableError
from reseal.checks.storage_drivers import storage_drivers_at_boot
from reseal.deploy import boot_files, recovery
from reseal.errors import CheckError, ImageError
from reseal.run.opening import Found, choose
from reseal.windows.setup import MODE_MARK, SetupState

if TYPE_CHECKING:
    from reseal.deploy.layout import Firmware
    from reseal.run.disk import OpenedDisk
    from reseal.session import Session

_SECTOR = 512


def examine(
    opened: OpenedDisk, volume: str | None, firmware: Firmware, *, with_recovery: int
) -> dict[str, Any]:
    """Look whether a disk image has a Windows that can be deployed.

    Args:
        opened: the disk.
        volume: which installation, as `--volume` names it; None where there is only one.
        firmware: what the new disk is to start from.
        with_recovery: bytes of the recovery partition; 0 without.

    Returns:
        `root`, the Windows folder; `offset` and `size` of its partition; `needed`, bytes that the volume
        takes.

    Raises:
        CheckError: none was found, or Windows did not close the volume.
        ImageError: it can't be started by that firmware, or can't be copied.
    """
    subject = opened.subject
    with opened.installations() as found:
        one = choose(found, volume, subject)
        assert one.place
        assert one.volume
        _require_copyable(one, subject)
        boot_files.require(one.installation, firmware)
        if with_recovery:
            recovery.require(one.installation, with_recovery)
        return {
            "root": one.installation.root,
            "offset": one.place.offset,
            "size": one.place.size,
            # With the copy of the boot sector behind the volume.
            "needed": one.volume.boot.size + _SECTOR,
        }


def _require_copyable(one: Found, subject: str) -> None:
    state, volume = one.state, one.volume
    assert state
    assert volume
    if volume.boot.sector_size != _SECTOR:
        msg = (
            f"The Windows volume of {subject} has sectors of {volume.boot.sector_size} bytes, and a new "
            f"disk has sectors of {_SECTOR}."
        )
        raise ImageError(msg, "Capture it into a WIM and deploy that. No disk was made.")
    if state.hibernation != "none":
        msg = f"Windows is hibernated in {subject}, or was shut down with fast startup."
        raise CheckError(
            msg, "Start Windows and shut it down fully (shutdown /s /t 0). No disk was made."
        )
    if state.dirty or not state.log_clean:
        msg = f"The Windows volume of {subject} was not closed cleanly by Windows."
        raise CheckError(
            msg, "Start Windows, let chkdsk repair it, and shut it down fully. No disk was made."
        )


def warnings(session: Session) -> list[str]:
    """Say what of an image a person should know before machines are made from it."""
    installation = session.installation
    found = []
    if not SetupState.of(installation).generalized:
        found.append(
            "This Windows is not generalized: every machine made from it has the same SID, name and "
            "keys. Run reseal generalize on it unless it replaces the machine that it was taken from."
        )
    if installation.registry.text(MODE_MARK, "Mode") == "vm":
        found.append(
            "This image was generalized in VM mode: it keeps the devices of its virtual machine and may "
            "run on the same hypervisor with the same virtual hardware only."
        )
    try:
        for finding in storage_drivers_at_boot(session):
            found.append(" ".join(filter(None, (finding.message, finding.hint))))
    except NotCheckableError as error:
        found.append(error.message)
    return found
