r"""The bindings of protocols to adapters.

The key `Linkage` of a service or network component holds three lists (REG_MULTI_SZ): `Bind`, `Export`
and `Route`. Each entry is a path down to an adapter and contains the adapter's GUID. NetBIOS also has
`LanaMap`: two bytes for each entry of `Route`, whether it is enabled and its LAN adapter number (seen in
real hives of Windows 7 and 10).

Entries of absent adapters are removed; the others keep their order and their numbers.
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
    """Stage the removal of every binding to one of these adapters.

    Args:
        session: the session of the image.
        root: full registry path of the control set.
        gone: GUIDs of the adapters, in upper case.
    """
    for path, key in list(_linkages(session, root)):
        _prune_lanas(session, path, key, gone)
        for name in _LISTS:
            entries = strings(key, name)
            left = [entry for entry in entries if not _names(entry, gone)]
            if len(left) != len(entries):
                session.set_strings(path, name, left)


def _linkages(session: Session, root: str) -> Iterator[tuple[str, Key]]:
    """Yield every `Linkage` of services and network components, and `Disabled` below it."""
    network = rf"{root}\Control\Network"
    components = (rf"{network}\{one.name}" for one in session.registry.subkeys(network))
    for owner in (rf"{root}\Services", *components):
        for one in session.registry.subkeys(owner):
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
