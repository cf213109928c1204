"""Read the values of a key with an expected type.

Real hives have values of unexpected types, and hostile hives any. These functions treat a value of another
type as missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reseal.regf import Key


def text(key: Key | None, name: str) -> str | None:
    """A value's text; None if key or value is missing, or the value is not text."""
    value = key.value(name) if key else None
    decoded = value.decoded if value else None
    return decoded if isinstance(decoded, str) else None


def number(key: Key | None, name: str) -> int | None:
    """A value's number; None if key or value is missing, or the value is not a number."""
    value = key.value(name) if key else None
    decoded = value.decoded if value else None
    return decoded if isinstance(decoded, int) else None


def strings(key: Key | None, name: str) -> list[str]:
    """The strings of a REG_MULTI_SZ, or of a REG_SZ as a list; empty if missing."""
    value = key.value(name) if key else None
    decoded = value.decoded if value else None
    if isinstance(decoded, str):
        return [decoded]
    return decoded if isinstance(decoded, list) else []
