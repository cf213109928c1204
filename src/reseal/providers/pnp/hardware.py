r"""The machines that Windows has started on.

`SYSTEM\HardwareConfig` (Windows 8 and later) has a key for each machine, named by its SMBIOS UUID (on a
Dell, derived from the service tag). It holds maker, model, BIOS version, and the number `Id` under which
`StartOverride` records the drivers of that machine. `LastConfig` and `LastId` name the last one (seen).

reseal deletes the subkeys and the two values and keeps the key. Windows adds an entry for an unknown
machine: the only entry in the real hive is that of the machine itself, with number 0, so the image that
it was installed from had none (seen). If an entry has BootDriverFlags, as in an image that starts from
USB (reported), all entries stay, and that is reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.providers.pnp.boot import HARDWARE_CONFIG, boots_from_usb

if TYPE_CHECKING:
    from reseal.session import Session

_LAST = ("LastConfig", "LastId")


def forget_machines(session: Session) -> None:
    """Stage the removal; one HardwareConfig serves all control sets."""
    key = session.registry.key(HARDWARE_CONFIG)
    if key is None:
        return
    if boots_from_usb(session.registry):
        session.note(
            "The image starts from a USB disk, so its hardware configurations stay; they hold the "
            "maker, the model and the UUID of the machine."
        )
        return
    for configuration in list(key.subkeys()):
        session.delete_key(rf"{HARDWARE_CONFIG}\{configuration.name}")
    for name in _LAST:
        session.delete_value(HARDWARE_CONFIG, name)
