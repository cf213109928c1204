"""Build hives from plain Python data."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from reseal.regf import Hive, Key, RegfError, baseblock, descriptors, types
from reseal.regf.writer import PlainKey, Writer

#: 2024-01-01 00:00 UTC as FILETIME, so that built hives are deterministic.
TIMESTAMP = 133485408000000000


def hive(
    spec: Mapping[str, object],
    *,
    name: str = "hive",
    version: tuple[int, int] = (1, 5),
    descriptor: bytes | None = None,
    timestamp: int = TIMESTAMP,
) -> Hive:
    r"""Build a hive from nested dicts: a dict is a key, everything else a value.

    A value is a str (REG_SZ), an int (REG_DWORD), bytes (REG_BINARY), a list of str (REG_MULTI_SZ) or a pair
    (type, data), with data as bytes or as an argument of `types.encode`. A key name may be a path, `A\B`; the
    name "" is the default value of a key.

        hive({"Select": {"Current": 1}, r"ControlSet001\Control": {"SystemBootDevice": "…"}})

    Args:
        spec: content of the root key.
        name: name of the hive in messages.
        version: format version.
        descriptor: self-relative security descriptor of the root key; None for the default.
        timestamp: FILETIME of all keys.
    """
    result = Hive.new(name=name, version=version, descriptor=descriptor, timestamp=timestamp)
    fill(result.root, spec)
    return result


def fill(key: Key, spec: Mapping[str, object]) -> None:
    """Add keys and values to an existing key; `spec` as for `hive`."""
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


def large(keys: int = 400_000, size: int = 100_000_000) -> bytearray:
    """Return a hive file with about `keys` keys and `size` bytes.

    Like SOFTWARE, it has three levels of 100 keys. Each key has two values; one is text that fills the hive
    up to its size.
    """
    groups = max(1, round(keys / 10_101))
    # Bytes per key: its cell with the name, two values, their list and its share of the subkey list.
    filler = max(8, size // keys - 180)
    text = ("Windows Registry Editor " * (filler // 48 + 1)).encode("utf-16-le")[: filler & ~1]
    flag = (1).to_bytes(4, "little")

    def expand(depth: int) -> PlainKey[int]:
        count = (groups, 100, 100, 0)[depth]
        stored = [f"Key{number:07}".encode() for number in range(count)]
        values = [(b"Path", 1, types.REG_SZ, text, 0), (b"Enabled", 1, types.REG_DWORD, flag, 0)]
        children = [(depth + 1, name, True) for name in stored]
        flags = 0x2C if depth == 0 else 0x20
        return PlainKey(flags, TIMESTAMP, descriptors.DEFAULT, values, children)

    base = baseblock.new(5, "large")
    struct.pack_into("<Q", base, baseblock.TIMESTAMP, TIMESTAMP)
    data = Writer(base, expand).write(0, b"ROOT")
    struct.pack_into("<I", data, baseblock.CHECKSUM, baseblock.checksum(data))
    return data
