"""The keys that `--key` names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reseal.bitlocker import Key


def read_keys(named: tuple[str, ...]) -> tuple[Key, ...]:
    """Read the keys that a command names; raises UsageError where one is wrong."""
    if not named:
        return ()
    from reseal.bitlocker import keys  # noqa: PLC0415  seldom needed

    return keys.read(named)
