"""Names of time zones, locales and keyboards: other names lead to Windows' own, or nowhere."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files

import pytest

from reseal.answerfile import check, regional
from tests.answerfile.samples import INTERNATIONAL, SHELL, document, one

FOUR = {
    "Central Europe Standard Time",
    "Central European Standard Time",
    "Romance Standard Time",
    "W. Europe Standard Time",
}

CALLED = {
    # abbreviations
    "CET": FOUR,
    "cest": FOUR,
    "PST": {"Pacific Standard Time"},
    "PDT": {"Pacific Standard Time"},
    "CST": {"Central Standard Time"},
    "JST": {"Tokyo Standard Time"},
    "MSK": {"Russian Standard Time"},
    "IST": {"India Standard Time", "Israel Standard Time", "GMT Standard Time"},
    "NZST": {"New Zealand Standard Time"},
    "GMT": {"GMT Standard Time"},
    # names of the time zone database, old ones too
    "Europe/Berlin": {"W. Europe Standard Time"},
    "europe/kiev": {"FLE Standard Time"},
    "Europe/Kyiv": {"FLE Standard Time"},
    "America/Argentina/Buenos_Aires": {"Argentina Standard Time"},
    "US/Eastern": {"Eastern Standard Time"},
    "Asia/Calcutta": {"India Standard Time"},
    # English names, cities and countries
    "Central European Summer Time": FOUR,
    "Eastern Time": {"Eastern Standard Time"},
    "Pacific Daylight Time": {"Pacific Standard Time"},
    "Tokyo": {"Tokyo Standard Time"},
    "Poland": {"Central European Standard Time"},
    "W. Europe": {"W. Europe Standard Time"},
    # what Windows displays
    "(UTC+01:00) Brussels, Copenhagen, Madrid, Paris": {"Romance Standard Time"},
    "(GMT+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna": {"W. Europe Standard Time"},
    "(UTC-05:00) Eastern Time (US & Canada)": {"Eastern Standard Time"},
    "(UTC+05:30) Chennai, Kolkata, Mumbai, New Delhi": {"India Standard Time"},
    "(UTC) Coordinated Universal Time": {"UTC"},
    # offsets, where Windows has a zone of just that offset
    "UTC-2": {"UTC-02"},
    "GMT+12:00": {"UTC+12"},
    "utc +13": {"UTC+13"},
    "UTC\N{MINUS SIGN}8": {"UTC-08"},
    "UTC+0": {"UTC"},
    "GMT0": {"UTC"},
    # a word is missing, or a backslash is turned
    "W. Europe Time": {"W. Europe Standard Time"},
    "Tokyo Time": {"Tokyo Standard Time"},
    "Europe\\Berlin": {"W. Europe Standard Time"},
    # nothing is guessed
    "UTC+1": set(),
    "UTC+01:00": set(),
    "GMT-5": set(),
    "GMT+1": set(),
    "UTC+5.30": set(),
    "+01:00": set(),
    "": set(),
    "Mars": set(),
    "Foo/Bar": set(),
    "CETX": set(),
    "United States": set(),
    "(" * 5000: set(),
}


@pytest.mark.parametrize(("name", "zones"), CALLED.items())
def test_other_names_of_time_zones(name: str, zones: set[str]) -> None:
    assert set(regional.zones_called(name)) == zones


def test_a_hint_names_what_a_certain_windows_has() -> None:
    assert regional.zone_hint("CET", {"Romance Standard Time"}) == "Romance Standard Time"
    assert regional.zone_hint("CET", {"UTC"}) == ""


@pytest.mark.parametrize("name", ["UTC+1", "UTC+1:00", "GMT+1", "GMT-5", "UTC+3", "+02:00"])
def test_an_offset_is_not_taken_for_another_one(name: str) -> None:
    (finding,) = check(document(one("specialize", SHELL, f"<TimeZone>{name}</TimeZone>")))

    assert finding.rule == "time-zone"
    assert finding.instead == (
        "write the zone of a place, such as W. Europe Standard Time; tzutil /l lists all"
    )


@pytest.mark.parametrize("name", ["UTC+01", "UTC+03", "UTC-05"])
def test_an_offset_in_the_form_of_windows_may_be_one_of_a_newer_windows(name: str) -> None:
    (finding,) = check(document(one("specialize", SHELL, f"<TimeZone>{name}</TimeZone>")))

    assert (finding.rule, finding.level) == ("unknown-time-zone", "warning")


def test_every_zone_that_a_hint_can_name_is_one_of_windows() -> None:
    data = json.loads((files("reseal.answerfile") / "cldr.json").read_text("utf-8"))

    assert set(data["zones"]) <= regional.time_zones()
    assert {zone for zones in data["names"].values() for zone in zones} <= set(data["zones"])
    assert all(zones and zones[0] for zones in data["zones"].values())


KNOWN_LOCALES = ["en-DE", "de-IT", "ar-SO", "aa-ET", "ceb-PH", "es-419", "ca-ES-valencia", "en-US"]
KNOWN_LAYOUTS = ["0001040c", "0002040c", "00020407", "00140c00", "00001409", "00060409", "00000407"]


@pytest.mark.parametrize("name", KNOWN_LOCALES)
def test_locales_that_newer_windows_has(name: str) -> None:
    assert (
        check(document(one("oobeSystem", INTERNATIONAL, f"<UserLocale>{name}</UserLocale>"))) == []
    )


@pytest.mark.parametrize("layout", KNOWN_LAYOUTS)
def test_layouts_that_newer_windows_has(layout: str) -> None:
    body = f"<InputLocale>0409:{layout}</InputLocale>"
    assert check(document(one("oobeSystem", INTERNATIONAL, body))) == []


def test_the_tables_are_what_the_script_makes_of_the_sources() -> None:
    path = files("reseal.answerfile") / "cldr.json"
    committed = path.read_text("utf-8")
    try:
        made_of = f"babel {version('babel')} and tzlocal {version('tzlocal')}; tzdata "
        made_of += version("tzdata")
    except PackageNotFoundError as error:
        pytest.skip(f"{error} is not installed")
    if made_of not in committed:
        pytest.skip("other versions of the sources are installed")
    script = (
        "import sys; from tools import regional_names as r; sys.stdout.write(r.to_text(r.tables()))"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)

    assert done.stdout.decode() == committed
