r"""Forget the machines that Windows has been started on.

`SYSTEM\HardwareConfig` (Windows 8 and later) has a key for each machine, named by the UUID of its
SMBIOS, which on a Dell is made of the service tag: maker, model, BIOS version, and the number `Id` under
which `StartOverride` keeps what that machine needs; `LastConfig` and `LastId` name the last one (seen).

The keys and the two values go, the key itself stays. Windows makes a new entry for a machine that it
does not know: in the real hive the only entry is that of the machine itself, with number 0, so the image
that it was installed from had none (seen). An entry with BootDriverFlags, as an image that starts
from USB has (reported), stays with all others and is reported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.providers.pnp.boot import HARDWARE_CONFIG, boots_from_usb

if TYPE_CHECKING:
    from reseal.session import Session

_LAST = ("LastConfig", "LastId")


def forget_machines(session: Session) -> None:
    """Stage it; there is one HardwareConfig for all control sets."""
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
