"""The computer's name."""

from __future__ import annotations

import string
import struct
from typing import TYPE_CHECKING

from reseal.providers.declaration import provider
from reseal.session import Mark
from reseal.tree import join
from reseal.windows.identity import COMPUTER_NAME, POLICY, TCPIP

if TYPE_CHECKING:
    from reseal.session import Session

_ACTIVE_NAME = COMPUTER_NAME.removesuffix("ComputerName") + "ActiveComputerName"
_ACCOUNT_DOMAIN_NAME = rf"{POLICY}\PolAcDmN"
#: The device container that is the computer itself, and what it is called there (seen: 1709).
_CONTAINER = (
    r"HKLM\SYSTEM\CurrentControlSet\Control\DeviceContainers"
    r"\{00000000-0000-0000-FFFF-FFFFFFFFFFFF}\Properties"
)
_CONTAINER_NAMES = (
    r"{656a3bb3-ecc0-43fd-8477-4ae0404a96cd}\3000",
    r"{b725f130-47ef-101a-a5f1-02608c9eebac}\000A",
)
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
    the same form there (`WIN-` and eleven characters), in every control set. The same name replaces
    the old one where Windows keeps copies of it: as the name of the account domain in SECURITY, and
    as that of the device container that is the computer itself (both inferred).
    """
    # 216 = 6 * 36: the largest multiple of 36 that a byte holds, so that all characters are as likely.
    drawn = (byte for byte in session.random(256) if byte < 216)
    name = _PREFIX + "".join(
        _ALPHABET[byte % 36] for byte, _ in zip(drawn, range(_LENGTH - len(_PREFIX)), strict=False)
    )
    registry = session.registry
    old = registry.text(COMPUTER_NAME, "ComputerName")
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
    if old:
        _replace_copies(session, old, name)


def _replace_copies(session: Session, old: str, name: str) -> None:
    registry = session.registry
    wanted = old.encode("utf-16-le", "surrogatepass")
    new = name.encode("utf-16-le")
    policy = registry.key(_ACCOUNT_DOMAIN_NAME)
    value = policy.value("") if policy else None
    if value is not None and wanted in value.data:
        # Length, maximum length and place of the text, then the text (seen in real hives).
        data = struct.pack("<HHI", len(new), len(new) + 2, 8) + new + b"\0\0"
        session.set_value(_ACCOUNT_DOMAIN_NAME, "", value.type, data)
    for control_set in registry.control_sets:
        for part in _CONTAINER_NAMES:
            path = join(_CONTAINER.replace("CurrentControlSet", control_set), part)
            key = registry.key(path)
            value = key.value("") if key else None
            if value is not None and value.data == wanted + b"\0\0":
                session.set_value(path, "", value.type, new + b"\0\0")
