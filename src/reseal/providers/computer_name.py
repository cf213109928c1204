"""The computer's name."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from reseal.providers.declaration import provider
from reseal.session import Mark
from reseal.windows.identity import COMPUTER_NAME, TCPIP

if TYPE_CHECKING:
    from reseal.session import Session

_ACTIVE_NAME = COMPUTER_NAME.removesuffix("ComputerName") + "ActiveComputerName"
_ALPHABET = string.ascii_uppercase + string.digits
_PREFIX = "WIN-"
#: The longest NetBIOS name (documented).
_LENGTH = 15


@provider(
    "computer-name",
    "Replace the computer's name by a random one",
    mark=Mark.INFERRED,
    source="places: seen in real SYSTEM hives; that specialize makes a random name where the answer "
    "file names none: documented (Unattended Windows Setup Reference, ComputerName)",
)
def computer_name(session: Session) -> None:
    r"""The name under which the machine is known in its network.

    Windows keeps it in `Control\ComputerName\ComputerName` and as host name of TCP/IP. Specialize
    sets a new one at the next boot: the answer file's, or a random one. Until then the old name must
    not be seen, and a missing value is not known to be regenerated, so reseal puts a random name of
    the same form there (`WIN-` and eleven characters), in every control set.
    """
    # 216 = 6 * 36: the largest multiple of 36 that a byte holds, so that all characters are as likely.
    drawn = (byte for byte in session.random(256) if byte < 216)
    name = _PREFIX + "".join(
        _ALPHABET[byte % 36] for byte, _ in zip(drawn, range(_LENGTH - len(_PREFIX)), strict=False)
    )
    registry = session.registry
    for path, value in (
        (COMPUTER_NAME, "ComputerName"),
        (_ACTIVE_NAME, "ComputerName"),
        (TCPIP, "Hostname"),
        (TCPIP, "NV Hostname"),
    ):
        for control_set in registry.control_sets:
            place = path.replace("CurrentControlSet", control_set)
            if registry.text(place, value) is not None:
                session.set_text(place, value, name)
