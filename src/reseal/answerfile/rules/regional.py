"""Time zones, locales and keyboards."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reseal.answerfile import regional
from reseal.answerfile.components import INTERNATIONAL, INTERNATIONAL_WINPE, SHELL
from reseal.answerfile.document import Setting
from reseal.answerfile.findings import Context, Level, Problem, rule
from reseal.answerfile.secrets import shown
from reseal.mark import Mark

#: What the names of Windows' time zones have in common, so that a newer one is told from an error.
_TIME_ZONE_FORM = re.compile(
    r"(?i).+ Standard Time( \(\w+\))?( 2)?|UTC([+-]\d\d)?|Russia Time Zone \d+"
)


def _time_zones(context: Context) -> Iterator[tuple[Setting, str]]:
    """Yield the settings with a time zone that is not known, and the zone."""
    known = context.target.time_zones or regional.time_zones()
    folded = {name.casefold() for name in known}
    for setting in context.values_at(SHELL, "TimeZone"):
        zone = setting.text.removesuffix(regional.NO_DAYLIGHT_SAVING)
        if zone.casefold() not in folded:
            yield setting, zone


@rule(
    "time-zone",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, TimeZone: the names that tzutil /l lists",
)
def time_zone(context: Context) -> Iterator[Problem]:
    """A time zone is named as Windows names it."""
    for setting, zone in _time_zones(context):
        # UTC+13 looks like UTC+1, and is another zone.
        is_offset = regional.is_offset(zone)
        close = "" if is_offset else context.nearest(zone, regional.time_zones(), 0.9)
        if _TIME_ZONE_FORM.fullmatch(zone) and not close:
            continue
        close = close or regional.zone_hint(zone, context.target.time_zones)
        otherwise = (
            "write the zone of a place, such as W. Europe Standard Time; tzutil /l lists all"
            if is_offset
            else "write a name that tzutil /l lists, such as UTC"
        )
        yield Problem(
            setting.value_position,
            f"the time zone {shown(setting)} does not exist",
            "Windows has names of its own for them",
            f"write {close}" if close else otherwise,
        )


@rule(
    "unknown-time-zone",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Default Time Zones: updates add time zones",
)
def unknown_time_zone(context: Context) -> Iterator[Problem]:
    """A time zone is one of those that Windows is known to have."""
    for setting, zone in _time_zones(context):
        if _TIME_ZONE_FORM.fullmatch(zone) and (
            regional.is_offset(zone) or not context.nearest(zone, regional.time_zones(), 0.9)
        ):
            yield Problem(
                setting.value_position,
                f"the time zone {shown(setting)} is not known",
                "only a Windows with a newer list has it",
                "compare it with what tzutil /l lists there",
            )


def _locales(context: Context) -> Iterator[Setting]:
    for component in (INTERNATIONAL, INTERNATIONAL_WINPE):
        for name in ("SystemLocale", "UILanguage", "UILanguageFallback", "UserLocale"):
            yield from context.values_at(component, name)
    yield from context.values_at(INTERNATIONAL_WINPE, "SetupUILanguage/UILanguage")


@rule(
    "locale-form",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, UserLocale: for example en-US",
)
def locale_form(context: Context) -> Iterator[Problem]:
    """A locale is written as language and region."""
    for setting in _locales(context):
        if regional.LOCALE_FORM.fullmatch(setting.text):
            continue
        close = context.nearest(
            setting.text.replace("_", "-").split(".")[0], regional.windows_locales(), 0.7
        )
        yield Problem.of_value(
            setting,
            "it is a locale such as en-US",
            f"write {close}" if close else "write language and region with a hyphen",
        )


@rule(
    "unknown-locale",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Default Input Profiles in Windows; reported: Windows 10 and later have those of CLDR",
)
def unknown_locale(context: Context) -> Iterator[Problem]:
    """A locale is one of those that come with Windows."""
    for setting in _locales(context):
        text = setting.text
        if not regional.LOCALE_FORM.fullmatch(text) or regional.is_locale(text):
            continue
        language = text.partition("-")[0].casefold()
        similar = sorted(
            name for name in regional.windows_locales() if name.partition("-")[0] == language
        )[:8]
        yield Problem(
            setting.value_position,
            f"the locale {shown(setting)} does not come with Windows",
            "Windows Setup falls back to another or asks",
            f"choose from {', '.join(similar)}" if similar else "check that your Windows has it",
        )


def _inputs(context: Context) -> Iterator[tuple[Setting, str]]:
    """Yield the parts of every input locale."""
    for component in (INTERNATIONAL, INTERNATIONAL_WINPE):
        for setting in context.values_at(component, "InputLocale"):
            for part in setting.text.split(";"):
                if part.strip():
                    yield setting, part.strip()


@rule(
    "input-locale",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, InputLocale",
)
def input_locale(context: Context) -> Iterator[Problem]:
    """An input locale is a locale, or language and keyboard by numbers; several with semicolons."""
    for setting, part in _inputs(context):
        if regional.INPUT_FORM.fullmatch(part) or regional.LOCALE_FORM.fullmatch(part):
            continue
        yield Problem.of_value(
            setting,
            "it is a locale, or four and eight hexadecimal digits",
            "write for example en-US or 0409:00000409, several with ; between them",
        )


@rule(
    "unknown-keyboard",
    Level.WARNING,
    mark=Mark.SEEN,
    source="Control\\\\Keyboard Layouts of a Windows 10 1709; documented: Windows keyboard layouts",
)
def unknown_keyboard(context: Context) -> Iterator[Problem]:
    """A keyboard layout is one of those that Windows has."""
    known = context.target.keyboard_layouts or regional.keyboard_layouts()
    for setting, part in _inputs(context):
        match = regional.INPUT_FORM.fullmatch(part)
        layout = match.group("layout").lower() if match else ""
        if layout and not layout.startswith("{") and layout not in known:
            yield Problem(
                setting.value_position,
                f"the keyboard layout {layout} does not exist",
                "Windows has a fixed list of them",
                "compare it with Control\\Keyboard Layouts of the image",
            )


@rule(
    "image-language",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="UILanguage: the language pack must be installed; seen: MUI\\UILanguages of real hives",
)
def image_language(context: Context) -> Iterator[Problem]:
    """The language of Windows is one that the image has."""
    languages = context.target.languages
    if not languages:
        return
    folded = {name.casefold() for name in languages}
    for setting in context.values_at(INTERNATIONAL, "UILanguage"):
        if setting.text.casefold() not in folded:
            yield Problem(
                setting.value_position,
                f"the image has no language pack for {shown(setting)}",
                f"Windows stays in {', '.join(sorted(languages)[:8])}",
                "write a language that the image has, or add the language pack to the image",
            )
