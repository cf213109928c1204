"""The values of a key as one type or not at all.

Real hives hold values of unexpected types, and hostile ones any: what is no text is no text, and
nobody has to check twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reseal.regf import Key


def text(key: Key | None, name: str) -> str | None:
    """A value's text; None where key or value is missing or is no text."""
    value = key.value(name) if key else None
    decoded = value.decoded if value else None
    return decoded if isinstance(decoded, str) else None


def number(key: Key | None, name: str) -> int | None:
    """A value's number; None where key or value is missing or is no number."""
    value = key.value(name) if key else None
    decoded = value.decoded if value else None
    return decoded if isinstance(decoded, int) else None


def strings(key: Key | None, name: str) -> list[str]:
    """The strings of a REG_MULTI_SZ, or a REG_SZ as one; empty where there is none."""
    value = key.value(name) if key else None
    decoded = value.decoded if value else None
    if isinstance(decoded, str):
        return [decoded]
    return decoded if isinstance(decoded, list) else []
