r"""Network adapters that the machine no longer has, and the keys that belong to them.

An adapter is identified by the GUID in `NetCfgInstanceId` of its key below the class of network adapters.
That key is deleted with the device; the GUID remains in the places below (seen in real hives of Windows 7
and 10).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reseal.windows.values import text

if TYPE_CHECKING:
    from reseal.regf import Key
    from reseal.session import Session

#: The setup class of network adapters (documented).
ADAPTER_CLASS = "{4d36e972-e325-11ce-bfc1-08002be10318}"
GUID = re.compile(r"\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}", re.IGNORECASE)

#: Keys with a subkey for each adapter, below a control set; the subkey's name holds its GUID.
_LISTS = (
    rf"Control\Network\{ADAPTER_CLASS}",
    r"Control\NetworkSetup2\Interfaces",
    r"Services\Tcpip\Parameters\Interfaces",
    r"Services\Tcpip\Parameters\Adapters",
    r"Services\Tcpip\Parameters\DNSRegisteredAdapters",
    r"Services\Tcpip6\Parameters\Interfaces",
    r"Services\NetBT\Parameters\Interfaces",
    r"Services\Psched\Parameters\Adapters",
    r"Services\Psched\Parameters\NdisAdapters",
    r"Services\WfpLwfs\Parameters\Adapters",
    r"Services\WfpLwf\Parameters\Adapters",
    r"Services\WfpLwf\Parameters\NdisAdapters",
)
#: Keys of the same kind that hold other GUIDs as well; only those of absent adapters count.
_MIXED = (
    "Services",
    r"Services\vwififlt\Parameters\VWifiSettings",
    r"Services\iphlpsvc\Parameters\Isatap",
    r"Services\iphlpsvc\Parameters\Teredo",
)
#: Where filter drivers, Microsoft's and others', keep settings for each adapter.
_OF_A_FILTER = (r"Parameters\Adapters", r"Parameters\NdisAdapters")


def gone_adapters(session: Session, root: str) -> set[str]:
    """Return the GUIDs, in upper case, that a control set names but that belong to no adapter.

    An entry without values and subkeys does not count and stays.
    """
    classes = session.registry.key(rf"{root}\Control\Class\{ADAPTER_CLASS}")
    if classes is None:
        return set()
    there = {(text(key, "NetCfgInstanceId") or "").upper() for key in classes.subkeys()}
    named = {
        match[0].upper()
        for place in _LISTS
        for entry in session.registry.subkeys(rf"{root}\{place}")
        if (match := GUID.search(entry.name)) and not _empty(entry)
    }
    return named - there


def forget_adapters(session: Session, root: str, gone: set[str]) -> None:
    """Stage the removal of every key that belongs to one of these adapters.

    Args:
        session: the session of the image.
        root: full registry path of the control set.
        gone: GUIDs of the adapters, in upper case.
    """
    filters = [
        rf"Services\{service.name}\{place}"
        for service in session.registry.subkeys(rf"{root}\Services")
        for place in _OF_A_FILTER
        if service.key(place) is not None
    ]
    for place in dict.fromkeys((*_LISTS, *_MIXED, *filters)):
        for entry in session.registry.subkeys(rf"{root}\{place}"):
            match = GUID.search(entry.name)
            if match and match[0].upper() in gone:
                session.delete_key(rf"{root}\{place}\{entry.name}")


def _empty(key: Key) -> bool:
    return next(key.values(), None) is None and next(key.subkeys(), None) is None
