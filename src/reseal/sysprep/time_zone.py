r"""The time zone of an image, written from what the image itself knows of that zone.

| value of `Control\TimeZoneInformation` | comes from `Time Zones\<name>` | mark, source |
|---|---|---|
| TimeZoneKeyName | the key's name | seen: hives of Windows 7 and 10 |
| Bias, StandardBias, DaylightBias | TZI | documented: TIME_ZONE_INFORMATION; seen |
| StandardStart, DaylightStart | TZI, each date turned from SYSTEMTIME into TIME_FIELDS | seen: both hives keep 02:00 of the first Sunday of November in that order of fields; both forms documented |
| StandardName, DaylightName | MUI_Std, MUI_Dlt, such as `@tzres.dll,-112` | seen |
| DynamicDaylightTimeDisabled 0 | | seen |
| ActiveTimeBias | Bias + StandardBias | inferred: Windows computes it anew from the date when it starts |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from reseal.answerfile.regional import NO_DAYLIGHT_SAVING
from reseal.errors import UsageError
from reseal.regf import types
from reseal.session import Mark

if TYPE_CHECKING:
    from reseal.session import Session

TIME_ZONES = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Time Zones"
TIME_ZONE_INFORMATION = r"HKLM\SYSTEM\CurrentControlSet\Control\TimeZoneInformation"
#: Bias, StandardBias, DaylightBias; two dates of eight words each.
_TZI = struct.Struct("<3i16s16s")
_DATE = struct.Struct("<8H")
STEP = "time-zone"


def set_time_zone(session: Session, name: str) -> None:
    """Stage a time zone of Windows' own.

    Args:
        session: the opened installation.
        name: the name of a key below `Time Zones`, such as `W. Europe Standard Time`.

    Raises:
        UsageError: the image does not know the zone, or the zone is asked for without daylight saving
            time (`_dstoff`), whose form in the registry is not known. Nothing was staged.
    """
    if name.casefold().endswith(NO_DAYLIGHT_SAVING):
        msg = "It is not known how Windows keeps a time zone without its daylight saving time."
        raise UsageError(msg, "Leave it to Windows, which sets it at specialize.")
    zones = session.registry.key(TIME_ZONES)
    # A backslash would lead to the years below a zone's key.
    zone = zones.subkey(name) if zones and name and "\\" not in name else None
    packed = zone.value("TZI") if zone else None
    names = {one: zone.value(one) for one in ("MUI_Std", "MUI_Dlt")} if zone else {}
    if zone is None or packed is None or len(packed.data) != _TZI.size or None in names.values():
        msg = "The image does not describe this time zone in Time Zones of its registry."
        raise UsageError(msg, "Write one that tzutil /l lists on that Windows.")
    bias, standard, daylight, ends, begins = _TZI.unpack(packed.data)
    with session.acting(STEP, Mark.SEEN):
        for value, number in (
            ("Bias", bias),
            ("StandardBias", standard),
            ("DaylightBias", daylight),
            ("DynamicDaylightTimeDisabled", 0),
        ):
            session.set_number(TIME_ZONE_INFORMATION, value, number % 2**32)
        for value, date in (("StandardStart", ends), ("DaylightStart", begins)):
            data = _time_fields(date)
            session.set_value(TIME_ZONE_INFORMATION, value, types.REG_BINARY, data)
        for value, source in (("StandardName", "MUI_Std"), ("DaylightName", "MUI_Dlt")):
            text = session.registry.text(rf"{TIME_ZONES}\{zone.name}", source) or ""
            session.set_text(TIME_ZONE_INFORMATION, value, text)
        session.set_text(TIME_ZONE_INFORMATION, "TimeZoneKeyName", zone.name)
    with session.acting(STEP, Mark.INFERRED):
        session.set_number(TIME_ZONE_INFORMATION, "ActiveTimeBias", (bias + standard) % 2**32)


def _time_fields(date: bytes) -> bytes:
    """Turn a SYSTEMTIME into a TIME_FIELDS: the day of the week goes from the third place to the last."""
    year, month, weekday, *rest = _DATE.unpack(date)
    return _DATE.pack(year, month, *rest, weekday)
