"""Names of time zones, locales and keyboard layouts, with their sources.

`regional.json` has what Windows itself is known to have, `cldr.json` what the Unicode CLDR knows beyond
that: every locale, and the other names of time zones.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection
from functools import cache
from importlib.resources import files
from typing import Any

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


#: Written before the name of a zone by Windows' own dialogues: (UTC+01:00) Amsterdam, Berlin, Bern …
_OFFSET = re.compile(r"\s*\((?:UTC|GMT)[^)]{0,9}\)\s*")
_BRACKETS = re.compile(r"\([^()]{0,40}\)")
#: A name that is an offset from UTC and no more: UTC+1, GMT-05:00, UTC +5.30, +01:00.
_OFFSET_ALONE = re.compile(
    r"(?i)\s*(?:(?:UTC|GMT)\s*)?(?:(?P<sign>[+\N{MINUS SIGN}-])\s*(?P<hours>\d{1,2})"
    r"(?:[:.]?(?P<minutes>\d\d))?|0)\s*"
)
#: What to write in place of an offset that Windows has no zone for.
OF_A_PLACE = (
    "An offset from UTC is not a time zone of Windows. Use the zone of a place, such as "
    "W. Europe Standard Time."
)
#: The longest name that is looked up.
_LONGEST = 200


@cache
def _data(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((files(__package__) / f"{name}.json").read_text("utf-8"))
    return data


@cache
def time_zones() -> frozenset[str]:
    """Return the names of all time zones of Windows."""
    return frozenset(_data("regional")["time_zones"]["names"])


@cache
def windows_locales() -> frozenset[str]:
    """Return the names of the locales that Windows documents, such as `de-DE`."""
    return frozenset(_data("regional")["locales"]["names"])


@cache
def locales() -> frozenset[str]:
    """Return the names of all locales: those of Windows and those of CLDR, such as `en-DE`."""
    return windows_locales() | frozenset(_data("cldr")["locales"])


def is_locale(name: str) -> bool:
    """Whether there is a locale of this name; names compare without case."""
    folded = name.casefold()
    # Most are among those of Windows, so that the larger table is seldom read.
    return folded in _folded_windows_locales() or folded in _folded_locales()


@cache
def _folded_windows_locales() -> frozenset[str]:
    return frozenset(map(str.casefold, windows_locales()))


@cache
def _folded_locales() -> frozenset[str]:
    return frozenset(map(str.casefold, locales()))


def is_offset(name: str) -> bool:
    """Whether a name is an offset from UTC and no more, such as `UTC+1`."""
    return _OFFSET_ALONE.fullmatch(name[:_LONGEST]) is not None


def zone_of_offset(name: str) -> str:
    """Return the zone of Windows that is a fixed offset from UTC; empty where it has none.

    Windows has such a zone for a few offsets only (`UTC-02`, `UTC+12`). A zone of a country has other
    rules, so that none of them is meant for certain.

    Args:
        name: the offset, such as `UTC-2`, `GMT+12:00` or `UTC+0`.
    """
    match = _OFFSET_ALONE.fullmatch(name[:_LONGEST])
    if match is None:
        return ""
    hours, minutes = int(match.group("hours") or 0), int(match.group("minutes") or 0)
    if not hours and not minutes:
        return "UTC"
    sign = "+" if match.group("sign") == "+" else "-"
    zone = f"UTC{sign}{hours:02}"
    return zone if not minutes and zone in time_zones() else ""


@cache
def keyboard_layouts() -> frozenset[str]:
    """Return the eight hexadecimal digits, lower case, of every keyboard layout."""
    return frozenset(_data("regional")["keyboard_layouts"]["names"])


def zones_called(name: str) -> tuple[str, ...]:
    """Return the Windows names that another name of a time zone stands for; none where it is unknown.

    Args:
        name: an abbreviation (`CET`), a name of the time zone database (`Europe/Berlin`), an English
            name (`Central European Time`), a city, or what Windows displays
            (`(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna`).
    """
    if is_offset(name):
        zone = zone_of_offset(name)
        return (zone,) if zone else ()
    folded = _OFFSET.sub("", name[:_LONGEST]).strip().casefold()
    if found := _called(folded):
        return found
    # What Windows displays lists cities of one zone; the name is that of most of them.
    parts = [_BRACKETS.sub("", part).strip() for part in folded.split(",")]
    votes = Counter(zone for part in parts for zone in _called(part))
    most = max(votes.values(), default=0)
    return tuple(zone for zone in sorted(votes) if votes[zone] == most)


def zone_hint(name: str, known: Collection[str] | None = None) -> str:
    """Return what to write in place of another name of a time zone; empty where nothing is known.

    Args:
        name: as `zones_called` takes it.
        known: the names that a certain Windows has.
    """
    zones = [zone for zone in zones_called(name) if known is None or zone in known]
    if not 0 < len(zones) <= _CHOICES:
        return ""
    if len(zones) == 1:
        return zones[0]
    named = [f"{zone} ({_city(zone)})" for zone in zones]
    return f"{', '.join(named[:-1])} or {named[-1]}"


#: The most names to offer in one sentence.
_CHOICES = 5


def _called(folded: str) -> tuple[str, ...]:
    own = _folded_time_zones()
    for standard in (folded, f"{folded} standard time"):
        if standard in own:
            return (own[standard],)
    names: dict[str, list[str]] = _data("cldr")["names"]
    if found := names.get(folded):
        return tuple(found)
    # `W. Europe Time` lacks one word of the name.
    full = folded.removesuffix(" time") + " standard time"
    if full in own:
        return (own[full],)
    summer = folded.replace("daylight time", "standard time").replace(
        "summer time", "standard time"
    )
    zone = own.get(summer) or _by_database_name().get(folded.replace(" ", "_").replace("\\", "/"))
    return (zone,) if zone else ()


@cache
def _folded_time_zones() -> dict[str, str]:
    """Current names of Windows; hints never suggest removed ones."""
    return {name.casefold(): name for name in _data("cldr")["zones"]}


@cache
def _by_database_name() -> dict[str, str]:
    return {
        zone.casefold(): name
        for name, zones in _data("cldr")["zones"].items()
        for zone in zones
        if zone
    }


def _city(zone: str) -> str:
    usual: str = _data("cldr")["zones"][zone][0]
    return usual.rpartition("/")[2].replace("_", " ")
