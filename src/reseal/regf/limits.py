"""What Windows allows (documented: "Registry Element Size Limits")."""

from __future__ import annotations

from reseal.regf import names
from reseal.regf.errors import RegfError

#: Longest names of keys and values, in UTF-16 code units.
KEY_NAME_LIMIT = 255
VALUE_NAME_LIMIT = 16383
#: Deepest tree of keys.
DEPTH_LIMIT = 512


def check_key_name(name: str) -> None:
    """Raise RegfError unless a key may have this name."""
    if not name or "\\" in name or names.units(name) > KEY_NAME_LIMIT:
        msg = (
            f"{name[:300]!r} can't be the name of a key: it has 1 to {KEY_NAME_LIMIT} "
            "characters and no backslash."
        )
        raise RegfError(msg)


def check_value_name(name: str) -> None:
    """Raise RegfError unless a value may have this name."""
    if names.units(name) > VALUE_NAME_LIMIT:
        msg = f"A value name has at most {VALUE_NAME_LIMIT} characters: {name[:40]!r}…"
        raise RegfError(msg)
