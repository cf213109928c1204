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
from reseal.errors import UsageError
from reseal.sysprep.auto_logon import LEAVES, set_auto_logon
from reseal.sysprep.pass_settings import Left, apply_pass, hidden_passwords_of, left
from reseal.sysprep.time_zone import set_time_zone

if TYPE_CHECKING:
    from reseal.answerfile import AnswerFile, Setting
    from reseal.session import Session

TIME_ZONE = "TimeZone"
AUTO_LOGON = "AutoLogon"
#: What is applied here beside `reseal.answerfile.placement.PLACES`: settings of Shell-Setup.
SETTINGS = (TIME_ZONE, *(f"{AUTO_LOGON}/{leaf}" for leaf in LEAVES))
_LATER = "Windows applies it when it runs specialize."


def apply(session: Session, document: AnswerFile) -> tuple[list[Setting], list[Left]]:
    """Stage the settings of specialize that have a confirmed place.

    Returns:
        The settings that were applied, and those that are left to Windows, each with the reason.

    Raises:
        CheckError: a password is marked as hidden and is not.
    """
    done, rest = apply_pass(session, document, Pass.SPECIALIZE, confirmed=True)
    reasons: dict[Setting, str] = {}
    architecture = session.installation.architecture or ""
    for component in components_of(document, Pass.SPECIALIZE, architecture):
        if component.name.casefold() != SHELL.casefold() or component.architecture == WOW64:
            continue
        zone, logon = component.child(TIME_ZONE), component.child(AUTO_LOGON)
        if zone is not None and zone.text:
            try:
                set_time_zone(session, zone.text)
                done.append(zone)
            except UsageError as error:
                reasons[zone] = f"{error.message} {_LATER}"
        if logon is not None:
            with hidden_passwords_of(document):
                done += set_auto_logon(session, logon)
    later = [left(one, reasons.get(one, _LATER)) for one in rest if one not in done]
    return done, later
