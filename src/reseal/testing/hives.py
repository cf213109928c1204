"""Hives from plain Python data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from reseal.regf import Hive, RegfError, types

if TYPE_CHECKING:
    from reseal.regf import Key

#: 2024-01-01 00:00 UTC as FILETIME: built hives are the same each time.
TIMESTAMP = 133485408000000000


def hive(
    spec: Mapping[str, object],
    *,
    name: str = "hive",
    version: tuple[int, int] = (1, 5),
    descriptor: bytes | None = None,
    timestamp: int = TIMESTAMP,
) -> Hive:
    r"""Return a hive of nested dicts: a dict is a key, everything else a value.

    A value is a str (REG_SZ), an int (REG_DWORD), bytes (REG_BINARY), a list of str
    (REG_MULTI_SZ) or a pair (type, data), where data is bytes or what `types.encode` takes.
    The name of a key may be a path, `A\B`; the value "" is a key's default value.

        hive({"Select": {"Current": 1}, r"ControlSet001\Control": {"SystemBootDevice": "…"}})
    """
    result = Hive.new(name=name, version=version, descriptor=descriptor, timestamp=timestamp)
    fill(result.root, spec)
    return result


def fill(key: Key, spec: Mapping[str, object]) -> None:
    """Put keys and values into an existing key; `spec` as for `hive`."""
    for name, content in spec.items():
        if isinstance(content, Mapping):
            fill(key.create(name), content)
        else:
            number, data = _typed(content)
            key.set(name, number, data)


def _typed(content: object) -> tuple[int, bytes]:
    match content:
        case bool() | None:
            pass
        case str():
            return types.REG_SZ, types.encode(types.REG_SZ, content)
        case int():
            return types.REG_DWORD, types.encode(types.REG_DWORD, content)
        case bytes():
            return types.REG_BINARY, content
        case list():
            return types.REG_MULTI_SZ, types.encode(types.REG_MULTI_SZ, content)
        case (int(number), (bytes() | str() | int() | list()) as data):
            return number, types.encode(number, data)
    msg = f"{content!r} is neither a key nor a value."
    raise RegfError(msg)
