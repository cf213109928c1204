r"""Settings of the system: time zone, locale, services.

| what | where | mark, source |
|---|---|---|
| the time zone of the machine | `Control\TimeZoneInformation` | `reseal.unattend.time_zone` |
| start of a service | `Services\<name>!Start`, `DelayedAutostart` | documented: Microsoft, CreateService; HKLM\SYSTEM\CurrentControlSet\Services Registry Tree |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

from reseal.answerfile import Answers
from reseal.answerfile.regional import LOCALE_FORM
from reseal.customize import answers
from reseal.customize.shared import Run
from reseal.customize.step import Given
from reseal.errors import CheckError, UsageError
from reseal.session import Session
from reseal.unattend.time_zone import set_time_zone
from reseal.windows import answer_files, services
from reseal.windows.addresses import ENABLE_DHCP, FIXED_VALUES, NETWORK_ADDRESS, fixed_addresses

UI_LANGUAGES = r"HKLM\SYSTEM\CurrentControlSet\Control\MUI\UILanguages"
#: Types of services that are programs, alone or shared (documented, CreateService).
_PROGRAMS = 0x30
#: Value names ignore case; real hives also have `DelayedAutoStart`.
_DELAYED = "DelayedAutostart"
_STARTS = {
    "auto": (services.AUTOMATIC, 0),
    "start": (services.AUTOMATIC, 0),
    "delayed": (services.AUTOMATIC, 1),
    "manual": (services.MANUAL, None),
    "disabled": (services.DISABLED, None),
}


def timezone(run: Run, given: Given) -> None:
    """Do the step `timezone`."""
    zone = given.text("zone")
    set_time_zone(run.session, zone)


class Locale:
    """The step `locale`."""

    def __init__(self, given: Given) -> None:
        self._locale = given.text("locale")
        if not LOCALE_FORM.fullmatch(self._locale):
            msg = f"{self._locale!r} is not a language tag."
            raise UsageError(msg, "Write it as de-DE.")

    def stage(self, run: Run) -> None:
        """Stage the answer file."""
        session = run.session
        names = [one.name for one in session.registry.subkeys(UI_LANGUAGES)]
        installed = {name.casefold(): name for name in names}
        if not installed:
            msg = "The image does not list its languages."
            raise CheckError(msg, "Use an answer file with `reseal unattend apply`.")
        language = installed.get(self._locale.casefold()) or next(iter(installed.values()))
        if language.casefold() != self._locale.casefold():
            session.note(
                f"The image has no language pack for {self._locale}, so the display language stays "
                f"{language}; formats, keyboard and system locale become {self._locale}."
            )
        wanted = Answers(locale=self._locale, language=language, hide_pages=False)
        answers.add(run, wanted)


class Service:
    """The step `service`."""

    def __init__(self, given: Given) -> None:
        self._name, self._start = given.text("name"), given.choice("start")
        if "\\" in self._name or not self._name:
            msg = f"{self._name!r} is not a service name."
            raise UsageError(msg, "Use the name that `sc query` shows.")

    def stage(self, run: Run) -> None:
        """Stage the values."""
        set_start(run.session, self._name, self._start)


def set_start(session: Session, name: str, start: str) -> None:
    """Stage how a service starts.

    Args:
        session: the opened installation.
        name: the service's name.
        start: a key of `_STARTS`.

    Raises:
        UsageError: the image has no such service, or it is a driver.
    """
    path = rf"{services.SERVICES}\{name}"
    kind = session.registry.number(path, "Type")
    if not services.installed(session.registry, name) or not (kind or 0) & _PROGRAMS:
        what = "it is a driver" if kind is not None else "the image has no such service"
        msg = f"The service {name} can't be set: {what}."
        raise UsageError(msg, "Use the name that `sc query` shows.")
    number, delayed = _STARTS[start]
    session.set_number(path, "Start", number)
    if delayed:
        session.set_number(path, _DELAYED, 1)
    else:
        session.delete_value(path, _DELAYED)


def reset_addresses(run: Run, _: Given) -> None:
    """Do the step `reset-addresses`."""
    session = run.session
    found = list(fixed_addresses(session.registry))
    for one in found:
        if one.mac:
            session.delete_value(one.path, NETWORK_ADDRESS)
            continue
        session.set_number(one.path, ENABLE_DHCP, 1)
        for name in FIXED_VALUES:
            session.delete_value(one.path, name)
    if not found:
        session.note("No network adapter has an address set by hand.")


def drop_cached_unattend(run: Run, _: Given) -> None:
    """Do the step `drop-cached-unattend`."""
    session = run.session
    kept = answer_files.CACHE if run.answers is not None else None
    names = [name for name in answer_files.IN_PANTHER if name != kept]
    deleted = sum(session.delete_file(session.installation.path(name)) for name in names)
    if not deleted and kept is None:
        session.note("Panther holds no answer file.")
