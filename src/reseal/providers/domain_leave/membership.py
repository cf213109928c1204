r"""Domain membership in the security policy and its secrets.

| key of `SECURITY` | in a domain | in a workgroup |
|---|---|---|
| `Policy\PolPrDmS` | the domain's SID | empty |
| `Policy\PolPrDmN` | the domain's NetBIOS name | the workgroup's name |
| `Policy\PolDnDDN`, `PolDnTrN` | DNS names of the domain and its forest | empty |
| `Policy\PolDnDmG` | the domain's GUID | 16 zero bytes |
| `Policy\PolMachineAccountS`, `PolMachineAccountR` (newer builds) | the machine account | empty |
| `Policy\Secrets\$MACHINE.ACC` | the machine account's password | absent |
| `Cache` `NL$1` … | the last users of the domain who logged on | an empty entry, 168 bytes |

Seen: the right column in a Windows 10 21H1 that was never in a domain, the left one in a Windows 8.1
domain member, and empty cache entries in both. Names: libyal winreg-kb, "Security policy"; the cache:
libyal winreg-kb, "Cached credentials".
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from reseal.windows.identity import POLICY

if TYPE_CHECKING:
    from reseal.session import Session

#: The workgroup of a machine that left its domain.
WORKGROUP = "WORKGROUP"
CACHE = r"HKLM\SECURITY\Cache"
_MACHINE_ACCOUNT = rf"{POLICY}\Secrets\$MACHINE.ACC"
_SLOT = re.compile(r"NL\$\d{1,4}", re.IGNORECASE)
#: A free entry of the cache: zeros except for the revision at offset 40.
EMPTY_SLOT = bytes(40) + bytes.fromhex("04000100") + bytes(124)


def _unicode_string(text: str) -> bytes:
    """Return the text with its header of length, maximum length and offset, and its NUL."""
    data = text.encode("utf-16-le")
    return struct.pack("<HHI", len(data), len(data) + 2, 8) + data + b"\0\0"


_WORKGROUP_POLICY = {
    "PolPrDmS": b"",
    "PolPrDmN": _unicode_string(WORKGROUP),
    "PolDnDDN": b"",
    "PolDnTrN": b"",
    "PolDnDmG": bytes(16),
    "PolMachineAccountS": b"",
    "PolMachineAccountR": b"",
}


def leave(session: Session) -> None:
    """Stage the membership of a workgroup, and delete what only a domain member has."""
    for name, data in _WORKGROUP_POLICY.items():
        key = session.registry.key(rf"{POLICY}\{name}")
        value = key.value("") if key else None
        if value is not None:
            session.set_value(rf"{POLICY}\{name}", "", value.type, data)
    session.delete_key(_MACHINE_ACCOUNT)
    for value in session.registry.values(CACHE):
        if _SLOT.fullmatch(value.name):
            session.set_value(CACHE, value.name, value.type, EMPTY_SLOT)
