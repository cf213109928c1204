"""Names of time zones, locales and keyboard layouts (`regional.json`, with their sources)."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files

#: A language tag as Windows takes it: language, script, region, variant, or the name of a sort
#: order (documented: MS-LCID; es-ES_tradnl).
LOCALE_FORM = re.compile(
    r"[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|\d{3})(_[a-z]{1,8})?)?(-[A-Za-z0-9]{4,8})?"
)

#: An input locale by numbers: language and keyboard layout, or language and the two GUIDs of an
#: input method (documented: InputLocale; Default Input Profiles in Windows).
INPUT_FORM = re.compile(
    r"[0-9A-Fa-f]{4}:(?P<layout>[0-9A-Fa-f]{8}|\{[0-9A-Fa-f-]{36}\}\{[0-9A-Fa-f-]{36}\})"
)

#: Behind the name of a time zone: without daylight saving time (documented: TimeZone).
NO_DAYLIGHT_SAVING = "_dstoff"


@cache
def _names(kind: str) -> frozenset[str]:
    data = json.loads((files(__package__) / "regional.json").read_text("utf-8"))
    return frozenset(data[kind]["names"])


def time_zones() -> frozenset[str]:
    """Return the names of all time zones of Windows."""
    return _names("time_zones")


def locales() -> frozenset[str]:
    """Return the names of the locales that come with Windows, such as `de-DE`."""
    return _names("locales")


def keyboard_layouts() -> frozenset[str]:
    """Return the eight hexadecimal digits, lower case, of every keyboard layout."""
    return _names("keyboard_layouts")
