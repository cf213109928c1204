"""The source of a disk: an image in a WIM, or the Windows volume of a disk image."""

from __future__ import annotations

from typing import Any

from reseal.checks.declaration import NotCheckableError
from reseal.checks.storage_drivers import storage_drivers_at_boot
from reseal.deploy import boot_files, boot_manager, recovery
from reseal.deploy.layout import Firmware
from reseal.disk.partitions import volumes
from reseal.errors import CheckError, ImageError
from reseal.run.disk import OpenedDisk
from reseal.run.opening import Found, choose
from reseal.session import Session
from reseal.windows.setup import MODE_MARK, SetupState

_SECTOR = 512


def examine(
    opened: OpenedDisk, volume: str | None, firmware: Firmware, *, with_recovery: int
) -> dict[str, Any]:
    """Check that a disk image has a Windows that can be deployed.

    Args:
        opened: the disk.
        volume: the installation, in the form of `--volume`; None if there is only one.
        firmware: the firmware that starts the new disk.
        with_recovery: bytes of the recovery partition; 0 without one.

    Returns:
        `root`, the Windows folder; `offset` and `size` of its partition; `needed`, the minimum bytes of
        the new partition; `manager`, the family of the boot manager that starts it so far.

    Raises:
        CheckError: none was found, or Windows did not close the volume.
        ImageError: that firmware can't start it, or it can't be copied.
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
            # Including the copy of the boot sector behind the volume.
            "needed": one.volume.boot.size + _SECTOR,
            "manager": boot_manager.of_disk(opened.device, volumes(opened.device), one.installation)
            if firmware is Firmware.UEFI
            else None,
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
    """Return warnings for users who make machines from an image."""
    installation = session.installation
    found = []
    if not SetupState.of(installation).generalized:
        found.append(
            "This Windows is not generalized: every machine made from it has the same SID, name and "
            "keys. Run `reseal generalize` on it, unless it replaces the machine that it was taken from."
        )
    if installation.registry.text(MODE_MARK, "Mode") == "vm":
        found.append(
            "This image was generalized in VM mode and keeps the devices of its virtual machine. Use it "
            "only on the same hypervisor with the same virtual hardware."
        )
    try:
        for finding in storage_drivers_at_boot(session):
            found.append(" ".join(filter(None, (finding.message, finding.hint))))
    except NotCheckableError as error:
        found.append(error.message)
    return found
