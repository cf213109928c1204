"""VM mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.checks.declaration import Finding, check, error, warning
from reseal.mark import Mark
from reseal.windows.addresses import fixed_addresses
from reseal.windows.hardware import Hardware

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.session import Session

#: The switch of a session that requests VM mode.
VM_MODE = "mode:vm"


@check(
    "vm-mode",
    "VM mode is not requested, or the image ran in a virtual machine and has no fixed addresses.",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Sysprep (System Preparation) Overview: Unsupported Scenarios; what an image "
    "records of its hardware: see reseal.windows.hardware",
)
def vm_mode(session: Session) -> Iterable[Finding]:
    """VM mode keeps the devices, for clones on the same hypervisor and hardware profile.

    It is not supported outside a virtual machine. The hardware of the last boot decides. Since adapters stay,
    all copies would share the addresses that were set by hand on them.
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
    found = list(dict.fromkeys((one.shown, one.mac) for one in fixed_addresses(session.registry)))
    static = [shown for shown, mac in found if not mac]
    own = [shown for shown, mac in found if mac]
    kept = [f"the static address {shown}" for shown in static]
    kept += [f"the MAC address {shown} set by hand (NetworkAddress)" for shown in own]
    if kept:
        yield warning(
            f"VM mode keeps the network adapters, so every copy has {' and '.join(kept)}.",
            "Return them to DHCP and to their own MAC addresses with --reset-addresses.",
            items=(*static, *own),
        )
