r"""The time zone of an image, written from the image's own data on that zone.

| value of `Control\TimeZoneInformation` | comes from `Time Zones\<name>` | mark, source |
|---|---|---|
| TimeZoneKeyName | the key's name | seen: hives of Windows 7 and 10 |
| Bias, StandardBias, DaylightBias | TZI, or `Dynamic DST\<year>` for this year | documented: TIME_ZONE_INFORMATION and DYNAMIC_TIME_ZONE_INFORMATION, Remarks; seen |
| StandardStart, DaylightStart | the same, each date turned from SYSTEMTIME into TIME_FIELDS | seen: both hives keep 02:00 of the first Sunday of November in that order of fields; both forms documented |
| StandardName, DaylightName | MUI_Std, MUI_Dlt, such as `@tzres.dll,-112` | seen |
| DynamicDaylightTimeDisabled 0 | | seen |
| the same for `_dstoff` | no dates, the standard name and bias twice, DynamicDaylightTimeDisabled 1 | inferred |
| ActiveTimeBias | Bias + StandardBias | inferred: Windows computes it from the date at startup |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import difflib
import struct
from collections.abc import Sequence

from reseal.answerfile import Setting
from reseal.answerfile.regional import NO_DAYLIGHT_SAVING, OF_A_PLACE, is_offset, zone_hint
from reseal.errors import ImageError, ResealError, UsageError
from reseal.regf import Key, types
from reseal.session import Session
from reseal.unattend.applier import LATER, Work

TIME_ZONES = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Time Zones"
TIME_ZONE_INFORMATION = r"HKLM\SYSTEM\CurrentControlSet\Control\TimeZoneInformation"
#: Minutes from UTC (always, and in addition in standard and in daylight saving time), and the start of
#: standard and daylight saving time, as SYSTEMTIME.
_TZI = struct.Struct("<3i8H8H")
_NO_DATE = (0,) * 8
_NO_DAYLIGHT_SAVING = "How Windows keeps a time zone without daylight saving time is not confirmed."


def set_time_zone(session: Session, zone: str) -> None:
    """Stage a time zone.

    Args:
        session: the opened installation.
        zone: a name such as `W. Europe Standard Time`; the suffix `_dstoff` turns daylight saving time
            off.

    Raises:
        UsageError: the image does not know it.
        ImageError: the image's data on it is damaged.
    """
    fixed = without_daylight_saving(zone)
    name = zone[: -len(NO_DAYLIGHT_SAVING)] if fixed else zone
    known = session.registry.key(TIME_ZONES)
    # A backslash would lead to the years below a zone's key.
    key = known.subkey(name) if known and "\\" not in name else None
    if key is None:
        names = [one.name for one in known.subkeys()] if known else []
        called = zone_hint(name, names)
        # Names such as UTC+13 look like any offset, and mean another one.
        similar = [] if is_offset(name) else difflib.get_close_matches(name, names, 3, 0.8)
        near = [called] if called else similar
        msg = f"The image has no time zone {name!r}."
        hint = (
            f"Did you mean {' or '.join(near)}?"
            if near
            else (OF_A_PLACE if is_offset(name) else "Use Windows' English name of the zone.")
        )
        raise UsageError(msg, hint)
    bias, extra, saving, *dates = _described(key, session.now.year)
    standard, daylight = (_NO_DATE, _NO_DATE) if fixed else (dates[:8], dates[8:])
    numbers = {
        "Bias": bias,
        "StandardBias": extra,
        "DaylightBias": extra if fixed else saving,
        "ActiveTimeBias": bias + extra,
        "DynamicDaylightTimeDisabled": int(fixed),
    }
    for value, number in numbers.items():
        session.set_number(TIME_ZONE_INFORMATION, value, number & 0xFFFFFFFF)
    session.set_text(TIME_ZONE_INFORMATION, "StandardName", _shown(key, "Std"))
    session.set_text(TIME_ZONE_INFORMATION, "DaylightName", _shown(key, "Std" if fixed else "Dlt"))
    session.set_text(TIME_ZONE_INFORMATION, "TimeZoneKeyName", key.name)
    for value, date in (("StandardStart", standard), ("DaylightStart", daylight)):
        session.set_value(TIME_ZONE_INFORMATION, value, types.REG_BINARY, _time_fields(date))


def apply_time_zone(work: Work, setting: Setting) -> None:
    """Stage the time zone that an answer file names, if the image knows it."""
    if without_daylight_saving(setting.text):
        work.reasons[setting] = f"{_NO_DAYLIGHT_SAVING} {LATER}"
        return
    try:
        set_time_zone(work.session, setting.text)
    except ResealError as error:
        work.reasons[setting] = f"{error.message} {LATER}"
    else:
        work.applied.add(setting)


def without_daylight_saving(zone: str) -> bool:
    """Return whether a name requests a time zone without its daylight saving time."""
    return zone.casefold().endswith(NO_DAYLIGHT_SAVING)


def _described(key: Key, year: int) -> tuple[int, ...]:
    """Return the image's data on a zone in a year: the fields of `_TZI`."""
    years = key.subkey("Dynamic DST")
    value = (years.value(str(year)) if years else None) or key.value("TZI")
    if value is None or len(value.data) != _TZI.size:
        msg = f"The image's data on the time zone {key.name} is damaged."
        raise ImageError(msg, "Set another time zone.")
    return _TZI.unpack(value.data)


def _shown(key: Key, time: str) -> str:
    """Return the name that Windows shows for the standard or daylight saving time of a zone."""
    found = key.value(f"MUI_{time}") or key.value(time)
    return found.decoded if found and isinstance(found.decoded, str) else key.name


def _time_fields(date: Sequence[int]) -> bytes:
    """Turn SYSTEMTIME (year, month, weekday, day, …) into TIME_FIELDS, with the weekday last."""
    year, month, weekday, *rest = date
    return struct.pack("<8H", year, month, *rest, weekday)
