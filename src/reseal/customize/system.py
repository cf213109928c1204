r"""Settings of the system: time zone, locale, services.

| what | where | mark, source |
|---|---|---|
| the time zones that the image knows | `SOFTWARE\Microsoft\Windows NT\CurrentVersion\Time Zones\<name>`: TZI (bias, standard bias, daylight bias, and when each begins), Std, Dlt, MUI_Std, MUI_Dlt, `Dynamic DST\<year>` | documented: Microsoft, TIME_ZONE_INFORMATION and DYNAMIC_TIME_ZONE_INFORMATION, Remarks |
| the time zone of the machine | `Control\TimeZoneInformation`; the beginnings are TIME_FIELDS there (month, day, hour, …, weekday last), and not SYSTEMTIME as in TZI | seen in real hives of Windows 7 to 10; TIME_FIELDS: documented |
| ActiveTimeBias | the bias of the moment; Windows brings it up to date when it starts | inferred; that of standard time is written |
| start of a service | `Services\<name>!Start`, `DelayedAutostart` | documented: Microsoft, CreateService; HKLM\SYSTEM\CurrentControlSet\Services Registry Tree |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import difflib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.answerfile import Answers
from reseal.answerfile.regional import LOCALE_FORM, NO_DAYLIGHT_SAVING
from reseal.customize import answers
from reseal.customize.step import Argument, Kind, step
from reseal.errors import CheckError, ImageError, UsageError
from reseal.regf import types
from reseal.session import Mark
from reseal.windows import services

if TYPE_CHECKING:
    from reseal.customize.run import Run
    from reseal.customize.step import Given
    from reseal.regf import Key, Value
    from reseal.session import Session

GROUP = "System"
TIME_ZONES = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Time Zones"
TIME_ZONE = r"HKLM\SYSTEM\CurrentControlSet\Control\TimeZoneInformation"
UI_LANGUAGES = r"HKLM\SYSTEM\CurrentControlSet\Control\MUI\UILanguages"
_TZI = struct.Struct("<3i8H8H")
_NO_DATE = (0,) * 8
#: Types of services that are programs, alone or shared (documented, CreateService).
_PROGRAMS = 0x30
#: Names of values are the same in any case; real hives have `DelayedAutoStart` too.
_DELAYED = "DelayedAutostart"
_STARTS = {
    "auto": (services.AUTOMATIC, 0),
    "start": (services.AUTOMATIC, 0),
    "delayed": (services.AUTOMATIC, 1),
    "manual": (services.MANUAL, None),
    "disabled": (services.DISABLED, None),
}


@step(
    "timezone",
    GROUP,
    Argument("zone", "the name that Windows gives a time zone, in English"),
    mark=Mark.SEEN,
    source="TimeZoneInformation in real hives of Windows 7 to 10",
    example=("W. Europe Standard Time",),
)
class TimeZone:
    """Set the time zone.

    What has to be written comes from the image's own list of time zones. With _dstoff behind the name
    there is no daylight saving time.
    """

    def __init__(self, given: Given) -> None:
        self._zone = given.text("zone")

    def stage(self, run: Run) -> None:
        """Stage the values."""
        set_time_zone(run.session, self._zone)


@step(
    "locale",
    GROUP,
    Argument("locale", "a language tag, such as de-DE"),
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, Microsoft-Windows-International-Core",
    example=("de-DE",),
)
class Locale:
    """Set formats, keyboard and system locale, and the language of Windows where the image has it.

    Windows itself carries that out at its first boot: it goes into the answer file, for specialize and
    OOBE. The language stays as it is where the image has no language pack for another.
    """

    def __init__(self, given: Given) -> None:
        self._locale = given.text("locale")
        if not LOCALE_FORM.fullmatch(self._locale):
            msg = f"{self._locale!r} is no language tag."
            raise UsageError(msg, "Write it as de-DE.")

    def stage(self, run: Run) -> None:
        """Stage the answer file."""
        session = run.session
        key = session.registry.key(UI_LANGUAGES)
        installed = {one.name.casefold(): one.name for one in key.subkeys()} if key else {}
        if not installed:
            msg = "The image does not tell which languages it has."
            raise CheckError(msg, "Give it an answer file with `reseal unattend apply`.")
        language = installed.get(self._locale.casefold()) or next(iter(installed.values()))
        if language.casefold() != self._locale.casefold():
            session.note(
                f"The image has no language pack for {self._locale}, so Windows itself stays in "
                f"{language}; formats, keyboard and system locale become {self._locale}."
            )
        wanted = Answers(locale=self._locale, language=language, hide_pages=False)
        answers.add(run, wanted)


@step(
    "service",
    GROUP,
    Argument("name", "the name of a service, not the one that is displayed", Kind.NAME),
    Argument("start", f"one of {', '.join(_STARTS)}; start is auto", choices=tuple(_STARTS)),
    mark=Mark.DOCUMENTED,
    source="Microsoft, CreateService; Services Registry Tree",
    example=("wuauserv:disabled",),
)
class Service:
    """Say when a service starts. Drivers are refused, since a boot may hang on them."""

    def __init__(self, given: Given) -> None:
        self._name, self._start = given.text("name"), given.choice("start")
        if "\\" in self._name or not self._name:
            msg = f"{self._name!r} is no name of a service."
            raise UsageError(msg, "Name it as `sc query` does.")

    def stage(self, run: Run) -> None:
        """Stage the values."""
        set_start(run.session, self._name, self._start)


def set_start(session: Session, name: str, start: str) -> None:
    """Stage when a service starts; `start` is a key of `_STARTS`.

    Raises:
        UsageError: the image has no such service, or it is a driver.
    """
    path = rf"{services.SERVICES}\{name}"
    kind = session.registry.number(path, "Type")
    if not services.installed(session.registry, name) or not (kind or 0) & _PROGRAMS:
        what = "it is a driver" if kind is not None else "the image has none of that name"
        msg = f"The service {name} can't be set: {what}."
        raise UsageError(msg, "Name a service as `sc query` does.")
    number, delayed = _STARTS[start]
    session.set_number(path, "Start", number)
    if delayed:
        session.set_number(path, _DELAYED, 1)
    else:
        session.delete_value(path, _DELAYED)


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone, as the image knows it.

    Attributes:
        biases: minutes from UTC: always, and besides in standard and in daylight saving time.
        standard: when standard time begins, as SYSTEMTIME.
        daylight: when daylight saving time begins.
        names: of both times, as Windows shows them.
    """

    biases: tuple[int, int, int]
    standard: tuple[int, ...]
    daylight: tuple[int, ...]
    names: tuple[str, str]


def set_time_zone(session: Session, zone: str) -> None:
    """Stage a time zone.

    Raises:
        UsageError: the image does not know it.
        ImageError: what it knows of it is damaged.
    """
    fixed = zone.lower().endswith(NO_DAYLIGHT_SAVING)
    name = zone[: -len(NO_DAYLIGHT_SAVING)] if fixed else zone
    known = session.registry.key(TIME_ZONES)
    key = known.subkey(name) if known and "\\" not in name else None
    if key is None:
        names = [one.name for one in known.subkeys()] if known else []
        near = difflib.get_close_matches(name, names, 3, 0.5)
        msg = f"The image knows no time zone {name!r}."
        hint = (
            f"Did you mean {' or '.join(near)}?" if near else "Name it in English, as Windows does."
        )
        raise UsageError(msg, hint)
    found = _zone(key, session.now.year)
    standard, daylight = (_NO_DATE, _NO_DATE) if fixed else (found.standard, found.daylight)
    bias, extra, saving = found.biases
    numbers = {
        "Bias": bias,
        "StandardBias": extra,
        "DaylightBias": extra if fixed else saving,
        "ActiveTimeBias": bias + extra,
        "DynamicDaylightTimeDisabled": int(fixed),
    }
    for value, number in numbers.items():
        session.set_number(TIME_ZONE, value, number & 0xFFFFFFFF)
    session.set_text(TIME_ZONE, "StandardName", found.names[0])
    session.set_text(TIME_ZONE, "DaylightName", found.names[0 if fixed else 1])
    session.set_text(TIME_ZONE, "TimeZoneKeyName", key.name)
    for value, date in (("StandardStart", standard), ("DaylightStart", daylight)):
        session.set_value(TIME_ZONE, value, types.REG_BINARY, _time_fields(date))


def _zone(key: Key, year: int) -> Zone:
    value = _of_year(key, year) or key.value("TZI")
    if value is None or len(value.data) != _TZI.size:
        msg = f"What the image knows of the time zone {key.name} is damaged."
        raise ImageError(msg, "Set another one.")
    fields = _TZI.unpack(value.data)
    texts = []
    for plain in ("Std", "Dlt"):
        found = key.value(f"MUI_{plain}") or key.value(plain)
        texts.append(found.decoded if found and isinstance(found.decoded, str) else key.name)
    bias, standard, daylight = fields[:3]
    return Zone((bias, standard, daylight), fields[3:11], fields[11:19], (texts[0], texts[1]))


def _of_year(key: Key, year: int) -> Value | None:
    years = key.subkey("Dynamic DST")
    return years.value(str(year)) if years else None


def _time_fields(date: tuple[int, ...]) -> bytes:
    """Turn SYSTEMTIME (year, month, weekday, day, …) into TIME_FIELDS, with the weekday last."""
    year, month, weekday, *rest = date
    return struct.pack("<8H", year, month, *rest, weekday)
