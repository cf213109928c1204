"""Compile names of time zones and locales into `reseal/answerfile/cldr.json`.

    python -m tools.regional_names src/reseal/answerfile/cldr.json

Source: the Unicode CLDR, through babel (locales; English and abbreviated names of zones) and tzlocal
(windowsZones), and the time zone database (abbreviations). People write `CET`, `Europe/Berlin` or
`Pacific Time (US & Canada)` where Windows expects its own name; the tables map the former to the latter.
A name that corresponds to several Windows names maps to all of them.
"""

from __future__ import annotations

import json
import re
import sys
import zoneinfo
from collections import defaultdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from babel import Locale
from babel.core import get_global
from babel.localedata import locale_identifiers
from tzlocal import windows_tz

#: Variants of English. Each uses the abbreviations of its own zones; those of the United States take
#: precedence, because most answer files are written there.
FIRST, *OTHERS = ("en_US", "en_GB", "en_150", "en_AU", "en_NZ", "en_IN", "en_ZA", "en_CA")
_ABBREVIATION = re.compile(r"[A-Z]{3,5}|ChST")
#: Standard time and summer time, north and south.
SEASONS = (datetime(2025, 1, 15, tzinfo=UTC), datetime(2025, 7, 15, tzinfo=UTC))

Names = dict[str, set[str]]

#: The usual meaning of names for which the data have unusual ones, too: CLDR groups Minsk with Moscow,
#: and the time zone database has IST for Ireland and EET for the Gaza Strip.
MEANT = {
    "gmt": ("GMT Standard Time",),
    "greenwich mean time": ("GMT Standard Time",),
    "hst": ("Hawaiian Standard Time",),
    "ist": ("India Standard Time", "Israel Standard Time", "GMT Standard Time"),
    "kst": ("Korea Standard Time",),
    "msk": ("Russian Standard Time",),
    "moscow time": ("Russian Standard Time",),
    "moscow standard time": ("Russian Standard Time",),
    "sgt": ("Singapore Standard Time",),
    "est5edt": ("Eastern Standard Time",),
    "cst6cdt": ("Central Standard Time",),
    "mst7mdt": ("Mountain Standard Time",),
    "pst8pdt": ("Pacific Standard Time",),
    **dict.fromkeys(
        ("eet", "eest"),
        ("E. Europe Standard Time", "FLE Standard Time", "GTB Standard Time"),
    ),
    **dict.fromkeys(("utc", "zulu", "coordinated universal time"), ("UTC",)),
}


def zones() -> dict[str, list[str]]:
    """Return the names of the time zone database for each name of Windows, the usual one first."""
    found = {name: [usual] for name, usual in sorted(windows_tz.win_tz.items())}
    for zone, name in sorted(windows_tz.tz_win.items()):
        if zone and zone not in found[name]:
            found[name].append(zone)
    return found


def windows_of(metazone: str, generic: str) -> set[str]:
    """Return the Windows names of one of CLDR's metazones, such as Europe_Central.

    Args:
        metazone: its name.
        generic: its English name. Pacific Time is Pacific Standard Time rather than that of Mexico.
    """
    members = {zone for zone, name in get_global("meta_zones").items() if name == metazone}
    found = {windows_tz.tz_win[zone] for zone in members if zone in windows_tz.tz_win}
    # Windows has four names for Central European Time, one of which resembles it.
    own = "" if metazone.startswith("Europe") else generic.removesuffix("Time") + "Standard Time"
    usual = {name for name in found if windows_tz.win_tz.get(name) in members}
    return {own} if own in found else usual or found


def names_in(language: str) -> tuple[Names, Names]:
    """Return the long and the short names of zones in a kind of English."""
    long: Names = defaultdict(set)
    short: Names = defaultdict(set)
    english = Locale.parse("en").meta_zones
    for metazone, texts in Locale.parse(language).meta_zones.items():
        windows = windows_of(metazone, dict(english[metazone].get("long", {})).get("generic", ""))
        for text in dict(texts.get("long", {})).values():
            long[text.casefold()] |= windows
        for text in dict(texts.get("short", {})).values():
            if _ABBREVIATION.fullmatch(text):
                short[text.casefold()] |= windows
    return long, short


def abbreviations() -> Names:
    """Return the abbreviations that the time zone database uses today, for usual zones of Windows."""
    found: Names = defaultdict(set)
    for name, zone in windows_tz.win_tz.items():
        for season in SEASONS:
            text = season.astimezone(zoneinfo.ZoneInfo(zone)).tzname() or ""
            if _ABBREVIATION.fullmatch(text):
                found[text.casefold()].add(name)
    return found


def places() -> Names:
    """Return cities, from the names of the database, and countries that have one zone."""
    found: Names = defaultdict(set)
    for zone, name in windows_tz.tz_win.items():
        area, _, place = zone.rpartition("/")
        if area and not area.startswith(("Etc", "SystemV")):
            found[place.replace("_", " ").casefold()].add(name)
    for territory, text in Locale.parse("en").territories.items():
        inside = {windows_tz.tz_win[z] for z in zones_of(territory) if z in windows_tz.tz_win}
        if len(inside) == 1:  # others have several
            found[text.casefold()] |= inside
    return found


def zones_of(territory: str) -> list[str]:
    """Return the names of the zones of a country."""
    return [zone for zone, where in get_global("zone_territories").items() if where == territory]


def other_names() -> dict[str, list[str]]:
    """Return the Windows names for every other name, in lower case."""
    found: Names = defaultdict(set)
    for name, windows in places().items():
        found[name] |= windows
    first, short = names_in(FIRST)
    american = set(short)
    for language in OTHERS:
        long, more = names_in(language)
        for names in (long, {k: v for k, v in more.items() if k not in american}):
            for name, windows in names.items():
                found[name] |= windows
    for names in (first, short):
        for name, windows in names.items():
            found[name] = windows  # takes precedence
    for name, windows in abbreviations().items():
        if name not in american:
            found[name] |= windows
    found |= {name: set(windows) for name, windows in MEANT.items()}
    return {name: sorted(windows) for name, windows in sorted(found.items()) if name and windows}


def locales() -> list[str]:
    """Return CLDR's locales, written in the spelling of Windows."""
    return sorted(name.replace("_", "-") for name in locale_identifiers() if name != "root")


def tables() -> dict[str, Any]:
    """Return everything."""
    return {
        "source": f"Unicode CLDR through babel {version('babel')} and tzlocal {version('tzlocal')}; "
        f"tzdata {version('tzdata')}",
        "locales": locales(),
        "zones": zones(),
        "names": other_names(),
    }


def to_text(data: dict[str, Any]) -> str:
    """Return the tables as JSON with one line for each name of a zone, so that a change shows."""
    lines = [f'"source": {json.dumps(data["source"])}', f'"locales": {json.dumps(data["locales"])}']
    for kind in ("zones", "names"):
        rows = (f" {json.dumps(k)}: {json.dumps(v)}" for k, v in data[kind].items())
        lines.append(f'"{kind}": {{\n' + ",\n".join(rows) + "\n}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(to_text(tables()), "utf-8")
