"""The computer's name."""

from __future__ import annotations

import re
import string
import struct
from typing import TYPE_CHECKING

from reseal.mark import Mark
from reseal.providers.declaration import provider
from reseal.tree import join
from reseal.windows.identity import COMPUTER_NAME, POLICY, TCPIP

if TYPE_CHECKING:
    from collections.abc import Callable

    from reseal.session import Session

_ACTIVE_NAME = COMPUTER_NAME.removesuffix("ComputerName") + "ActiveComputerName"
#: What the event log compares the name with at its next start, to log a change (inferred).
_EVENT_LOG = r"HKLM\SYSTEM\CurrentControlSet\Services\EventLog\State"
#: Names that LSA caches of a member of a domain, such as `NAME$@example.com` (seen: Windows 7).
_CACHED_NAMES = r"HKLM\SYSTEM\CurrentControlSet\Control\Lsa\CachedMachineNames"
_ACCOUNT_DOMAIN_NAME = rf"{POLICY}\PolAcDmN"
#: The device container of the computer itself, and the properties that hold its name (seen: 1709).
_CONTAINER = (
    r"HKLM\SYSTEM\CurrentControlSet\Control\DeviceContainers"
    r"\{00000000-0000-0000-FFFF-FFFFFFFFFFFF}\Properties"
)
_CONTAINER_NAMES = (
    r"{656a3bb3-ecc0-43fd-8477-4ae0404a96cd}\3000",
    r"{b725f130-47ef-101a-a5f1-02608c9eebac}\000A",
)
#: Tells Setup that the name is preset; specialize with an answer file uses it, too.
PRESET = r"HKLM\SYSTEM\Setup\DJOIN"
_ALPHABET = string.ascii_uppercase + string.digits
_PREFIX = "WIN-"
#: The longest NetBIOS name (documented).
_LENGTH = 15


@provider(
    "computer-name",
    "Replace the computer's name by a random one",
    mark=Mark.INFERRED,
    source="places: seen in real SYSTEM hives; that specialize generates a random name if the answer "
    "file sets none: documented (Unattended Windows Setup Reference, ComputerName)",
)
def computer_name(session: Session) -> None:
    r"""The NetBIOS and host name of the machine.

    Windows keeps it in `Control\ComputerName\ComputerName` and as the TCP/IP host name. At the next boot
    specialize sets the name from the answer file or generates one. Until then the old name must not be
    used, and no source says that Windows regenerates a missing value. reseal therefore writes a random
    name of the same form (`WIN-` and eleven characters) to every control set. The copies of the old
    name are replaced as well: the account domain's name in SECURITY, the name of the device container
    that represents the computer, and the event log's last name (all inferred).

    `DismComputerNameSet` in `SYSTEM\Setup\DJOIN` tells Setup that the name is preset (seen in a hive that
    Microsoft publishes). reseal deletes it; otherwise every clone could keep the random name.
    """
    rename(session, random_name(session.random))
    session.delete_value(PRESET, "DismComputerNameSet")


def random_name(random: Callable[[int], bytes], prefix: str = _PREFIX) -> str:
    """Return a random name of maximum NetBIOS length.

    Args:
        random: returns the requested number of random bytes.
        prefix: the first characters of the name.
    """
    # 252 = 7 * 36 is the largest multiple of 36 in a byte; rejecting the rest keeps the draw uniform.
    drawn = (byte for byte in random(256) if byte < 252)
    return prefix + "".join(
        _ALPHABET[byte % 36] for byte, _ in zip(drawn, range(_LENGTH - len(prefix)), strict=False)
    )


def rename(session: Session, name: str) -> None:
    """Stage a new name everywhere Windows keeps the current one.

    Args:
        session: the opened installation.
        name: the new name; it is upper-cased where Windows stores a NetBIOS name (inferred).
    """
    registry = session.registry
    old = registry.text(COMPUTER_NAME, "ComputerName")
    for path, value, text in (
        (COMPUTER_NAME, "ComputerName", name.upper()),
        (_ACTIVE_NAME, "ComputerName", name.upper()),
        (TCPIP, "Hostname", name),
        (TCPIP, "NV Hostname", name),
        (_EVENT_LOG, "LastComputerName", name.upper()),
    ):
        for control_set in registry.control_sets:
            place = path.replace("CurrentControlSet", control_set)
            if registry.text(place, value) is not None:
                session.set_text(place, value, text)
    if old:
        _replace_copies(session, old, name.upper())


def _replace_copies(session: Session, old: str, name: str) -> None:
    registry = session.registry
    wanted = old.encode("utf-16-le", "surrogatepass")
    new = name.encode("utf-16-le")
    policy = registry.key(_ACCOUNT_DOMAIN_NAME)
    value = policy.value("") if policy else None
    if value is not None and wanted in value.data:
        # Length, maximum length and offset of the text, then the text (seen in real hives).
        data = struct.pack("<HHI", len(new), len(new) + 2, 8) + new + b"\0\0"
        session.set_value(_ACCOUNT_DOMAIN_NAME, "", value.type, data)
    whole = re.compile(rf"(?<![\w-]){re.escape(old)}(?![\w-])", re.IGNORECASE)
    for control_set in registry.control_sets:
        cached_names = _CACHED_NAMES.replace("CurrentControlSet", control_set)
        cached = registry.key(cached_names)
        for one in list(cached.values()) if cached else []:
            text = registry.text(cached_names, one.name) or ""
            if whole.search(text):
                session.set_text(cached_names, one.name, whole.sub(name, text))
        for part in _CONTAINER_NAMES:
            path = join(_CONTAINER.replace("CurrentControlSet", control_set), part)
            key = registry.key(path)
            value = key.value("") if key else None
            if value is not None and value.data == wanted + b"\0\0":
                session.set_value(path, "", value.type, new + b"\0\0")
