"""What of specialize can be applied while the image lies still, on request.

Windows runs specialize all the same at the next boot, and applies the file's settings again; whatever
stays with it is named. Only settings whose place is confirmed are applied: those of
`reseal.answerfile.placement` that are not merely inferred, the time zone and the automatic logon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.answerfile import Pass
from reseal.answerfile.components import SHELL
from reseal.answerfile.offline import WOW64, components_of
from reseal.errors import ResealError
from reseal.session import Mark
from reseal.unattend.auto_logon import LEAVES, set_auto_logon
from reseal.unattend.pass_settings import Left, apply_pass, hidden_passwords_of, left
from reseal.unattend.time_zone import set_time_zone, without_daylight_saving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.answerfile import AnswerFile, Setting
    from reseal.session import Session

TIME_ZONE = "TimeZone"
AUTO_LOGON = "AutoLogon"
#: What is applied here beside `reseal.answerfile.placement.PLACES`: settings of Shell-Setup.
SETTINGS = (TIME_ZONE, *(f"{AUTO_LOGON}/{leaf}" for leaf in LEAVES))
_LATER = "Windows applies it when its pass runs."
_NO_DAYLIGHT_SAVING = "How Windows keeps a time zone without daylight saving time is not confirmed."


def apply(
    session: Session, document: AnswerFile, name: Pass = Pass.SPECIALIZE
) -> tuple[list[Setting], list[Left]]:
    """Stage the settings of a pass that Windows would run, as far as their place is confirmed.

    Returns:
        The settings that were applied, and those that are left to Windows, each with the reason.

    Raises:
        CheckError: a password is marked as hidden and is not.
    """
    done, rest = apply_pass(session, document, name, confirmed=True)
    reasons: dict[Setting, str] = {}
    for zone in _shell(session, document, name, TIME_ZONE):
        reason = _time_zone(session, zone.text)
        if reason is None:
            done.append(zone)
        else:
            reasons[zone] = f"{reason} {_LATER}"
    for logon in _shell(session, document, name, AUTO_LOGON):
        with hidden_passwords_of(document):
            done += set_auto_logon(session, logon)
    later = [left(one, reasons.get(one, _LATER)) for one in rest if one not in done]
    return done, later


def _shell(session: Session, document: AnswerFile, name: Pass, path: str) -> Iterator[Setting]:
    """Yield the setting at a path of Shell-Setup in every component that the image applies."""
    for component in components_of(document, name, session.installation.architecture or ""):
        if component.name.casefold() == SHELL.casefold() and component.architecture != WOW64:
            found = component.child(path)
            if found is not None:
                yield found


def _time_zone(session: Session, zone: str) -> str | None:
    """Stage a time zone; return why it was not."""
    if without_daylight_saving(zone):
        return _NO_DAYLIGHT_SAVING
    try:
        with session.acting("time-zone", Mark.SEEN):
            set_time_zone(session, zone)
    except ResealError as error:
        return error.message
    return None
