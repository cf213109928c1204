"""VM mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, error
from reseal.mark import Mark
from reseal.windows.hardware import Hardware

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

#: The switch of a session that requests VM mode.
VM_MODE = "mode:vm"


@check(
    "vm-mode",
    "VM mode is not requested, or the image ran in a virtual machine.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep (System Preparation) Overview: Unsupported Scenarios; what an image "
    "records of its hardware: see reseal.windows.hardware",
)
def vm_mode(session: Session) -> Iterable[Finding]:
    """VM mode keeps the devices, for clones on the same hypervisor and hardware profile.

    It is not supported outside a virtual machine. The hardware of the last boot decides.
    """
    if VM_MODE not in session.switches:
        return
    hardware = Hardware.of(session.registry)
    if not hardware.virtual:
        shown = " ".join(filter(None, (hardware.manufacturer, hardware.product)))
        what = (
            f"last ran on {shown}" if shown else "does not record the hardware on which it last ran"
        )
        yield error(
            f"VM mode is only for virtual machines, and this Windows {what}.",
            "Generalize it without VM mode.",
        )
