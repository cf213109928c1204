"""Whether Windows finds its disk on other machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, NotCheckableError, check, note, warning
from reseal.drivers.storage import VIRTIO_BLOCK, VIRTIO_SCSI, Ready, other_drivers, storage_drivers
from reseal.mark import Mark

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

_ADD = "If the image moves to such a machine, add a driver with --drivers FOLDER."


@check(
    "storage-drivers",
    "Windows has a boot driver for each common storage controller.",
    mark=Mark.SEEN,
    source="real hives of Windows 7 and 10: the databases from which the kernel installs drivers during "
    "boot; controllers' ids: Virtio specification, PCI class codes, drivers of Linux",
    forceable=False,
)
def storage_drivers_at_boot(session: Session) -> Iterable[Finding]:
    """Windows stops with 0x7B if no boot-start driver supports the controller of its disk."""

    def exists(path: str) -> bool:
        stat = session.files.stat(path)
        return stat is not None and not stat.is_directory

    found = storage_drivers(session.registry, exists)
    if not found:
        msg = "The image has no driver database that the kernel could use at boot."
        raise NotCheckableError(msg)
    items = [
        f"{one.controller.name}: {', '.join(one.services) or 'no driver'}"
        + (f" ({one.ready.value})" if one.ready is Ready.SWITCHED_OFF else "")
        for one in found
    ]
    others = other_drivers(session.registry, exists, found)
    if others:
        items.append(f"other controllers: {', '.join(others)}")
    missing = [one.controller.name for one in found if one.ready is Ready.MISSING]
    off = [one.controller.name for one in found if one.ready is Ready.SWITCHED_OFF]
    if len(missing) == len(found) and not others:
        yield warning(
            "No driver of any common storage controller starts at boot, so Windows finds no disk on "
            "common machines.",
            "Add the drivers of the target machine with --drivers FOLDER.",
            items=items,
        )
        return
    if missing or off:
        yield note(" ".join(_lacks(missing, off)), _ADD if missing else None, items=items)


def _lacks(missing: list[str], off: list[str]) -> Iterable[str]:
    """Yield sentences about controllers without a driver, and with a disabled one."""
    if missing:
        virtio = {VIRTIO_BLOCK.name, VIRTIO_SCSI.name} <= set(missing)
        where = ", so it does not find its disk on virtio (KVM)" if virtio else ""
        yield f"Windows starts no driver at boot for {', '.join(missing)}{where}."
    if off:
        yield (
            f"Windows disabled those for {', '.join(off)} on its last hardware; generalizing enables "
            "them again."
        )
