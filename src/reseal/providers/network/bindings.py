r"""Which protocol is bound to which adapter.

The key `Linkage` of a service or network component holds three lists (REG_MULTI_SZ): `Bind`, `Export`
and `Route`, with one entry for each path down to an adapter, and the adapter's GUID in it. NetBIOS
has `LanaMap` beside them: two bytes for each entry of `Route`, enabled or not and its LAN adapter
number (seen in real hives of Windows 7 and 10).

Entries of adapters that are gone are taken out; the others keep their order and their numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.providers.network.adapters import GUID
from reseal.windows.values import strings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.regf import Key
    from reseal.session import Session

_LISTS = ("Bind", "Export", "Route")
_LANA_MAP = "LanaMap"
_LANA_ENTRY = 2


def prune_bindings(session: Session, root: str, gone: set[str]) -> None:
    """Stage the removal of every binding to one of these adapters."""
    for path, key in list(_linkages(session, root)):
        _prune_lanas(session, path, key, gone)
        for name in _LISTS:
            entries = strings(key, name)
            left = [entry for entry in entries if not _names(entry, gone)]
            if len(left) != len(entries):
                session.set_strings(path, name, left)


def _linkages(session: Session, root: str) -> Iterator[tuple[str, Key]]:
    """Every `Linkage` of services and network components, with those of `Disabled` below it."""
    owners = [rf"{root}\Services"]
    network = session.registry.key(rf"{root}\Control\Network")
    owners += [
        rf"{root}\Control\Network\{one.name}" for one in (network.subkeys() if network else ())
    ]
    for owner in owners:
        key = session.registry.key(owner)
        for one in key.subkeys() if key else ():
            for place in ("Linkage", r"Linkage\Disabled"):
                linkage = one.key(place)
                if linkage is not None:
                    yield rf"{owner}\{one.name}\{place}", linkage


def _names(entry: str, gone: set[str]) -> bool:
    return any(match.upper() in gone for match in GUID.findall(entry))


def _prune_lanas(session: Session, path: str, key: Key, gone: set[str]) -> None:
    value = key.value(_LANA_MAP)
    routes = strings(key, "Route")
    if value is None or len(value.data) != _LANA_ENTRY * len(routes):
        return
    left = b"".join(
        value.data[_LANA_ENTRY * index : _LANA_ENTRY * (index + 1)]
        for index, route in enumerate(routes)
        if not _names(route, gone)
    )
    if left != value.data:
        session.set_value(path, _LANA_MAP, value.type, left)
