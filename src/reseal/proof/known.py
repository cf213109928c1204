"""Digests of what identifies a machine, as its providers find it: agents' keys, ids and certificates.

Providers only look. What they would remove or replace is what identifies the machine.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from reseal.errors import ResealError
from reseal.providers.identities import find
from reseal.tree import join

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.regf import Key
    from reseal.session import Change
    from reseal.session.change import State
    from reseal.windows import Installation

#: Shorter data, and a smaller number, is equal by chance, or a setting.
_SHORTEST, _SMALLEST = 8, 1000
_MAX_FILE = 1 << 20
_MAX_ITEMS = 2000
#: Depth and number of entries that are looked into below a folder or key.
_DEPTH, _MAX_BELOW = 4, 200


def identities(installation: Installation) -> list[dict[str, str]]:
    """Return what providers would remove: provider, what it is, target, and a digest of what is there.

    Nothing changes.
    """
    found = [
        {
            "provider": one.provider.id,
            "what": one.provider.identity,
            "target": change.target,
            "digest": digest,
        }
        for one in find(installation)
        for change in one.changes
        for digest in _digests(installation, change)
    ]
    return found[:_MAX_ITEMS]


def _digests(installation: Installation, change: Change) -> Iterator[str]:
    if change.before is None:
        return
    if change.kind in {"delete_value", "set_value"}:
        if _is_telling(change.before):
            yield hashlib.sha256(str(change.before).encode()).hexdigest()
    elif change.kind == "delete_key":
        key = installation.registry.key(change.target)
        if key is not None:
            content = [f"{path}: {data.hex()}" for path, data in _content(key, "", _DEPTH)]
            yield hashlib.sha256("\n".join(content[:_MAX_BELOW]).encode()).hexdigest()
    elif change.kind in {"delete_file", "write_file", "delete_tree"}:
        for path in _files(installation, change.target, _DEPTH)[:_MAX_BELOW]:
            data = _read(installation, path)
            if len(data) >= _SHORTEST:
                yield hashlib.sha256(data).hexdigest()


def _is_telling(value: State) -> bool:
    """Whether the data of a value is none that another machine has by chance."""
    data = value.get("data", value.get("hex", "")) if isinstance(value, dict) else value
    return data >= _SMALLEST if isinstance(data, int) else len(str(data)) >= _SHORTEST


def _content(key: Key, path: str, depth: int) -> Iterator[tuple[str, bytes]]:
    """Yield the values below a key, in an order of their own."""
    for value in sorted(key.values(), key=lambda one: one.name):
        yield f"{path}\\{value.name}", value.data
    for subkey in sorted(key.subkeys(), key=lambda one: one.name) if depth else ():
        yield from _content(subkey, f"{path}\\{subkey.name}", depth - 1)


def _files(installation: Installation, path: str, depth: int) -> list[str]:
    stat = installation.tree.stat(path)
    if stat is None:
        return []
    if not stat.is_directory:
        return [path]
    if not depth:
        return []
    entries = sorted(installation.tree.list(path), key=lambda one: one.name)
    return [
        one for entry in entries for one in _files(installation, join(path, entry.name), depth - 1)
    ]


def _read(installation: Installation, path: str) -> bytes:
    try:
        return installation.tree.read(path, 0, _MAX_FILE)
    except ResealError:
        return b""
