"""The registry limits of Windows (documented: "Registry Element Size Limits")."""

from __future__ import annotations

from reseal.regf import names
from reseal.regf.errors import RegfError

#: Maximum lengths of key and value names, in UTF-16 code units.
KEY_NAME_LIMIT = 255
VALUE_NAME_LIMIT = 16383
#: Maximum depth of the key tree.
DEPTH_LIMIT = 512


def check_key_name(name: str) -> None:
    """Raise RegfError if the name is not allowed for a key."""
    if not name or "\\" in name or names.units(name) > KEY_NAME_LIMIT:
        msg = (
            f"{name[:300]!r} is not a valid key name: it must have 1 to {KEY_NAME_LIMIT} characters "
            "and no backslash."
        )
        raise RegfError(msg)


def check_value_name(name: str) -> None:
    """Raise RegfError if the name is not allowed for a value."""
    if names.units(name) > VALUE_NAME_LIMIT:
        msg = f"A value name has at most {VALUE_NAME_LIMIT} characters: {name[:40]!r}…"
        raise RegfError(msg)
