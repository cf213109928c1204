"""The answer file of one machine: the image's own or another, with the machine's settings in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reseal.answerfile import Pass
from reseal.answerfile.assignment import Assignment, assigned
from reseal.answerfile.components import SHELL
from reseal.errors import CheckError
from reseal.unattend import apply as unattend
from reseal.unattend import place as placing
from reseal.unattend import specialize_now
from reseal.unattend.pass_settings import applied
from reseal.unattend.present import existing

if TYPE_CHECKING:
    from collections.abc import Collection

    from reseal.answerfile import AnswerFile, Setting
    from reseal.session import Session
    from reseal.specialize.wish import Wish
    from reseal.unattend.place import Situation

_NAME = "ComputerName"


def base_of(session: Session, now: Situation) -> tuple[AnswerFile | None, Situation]:
    """Return the answer file that Windows would use, and where: the machine's settings go into it.

    Raises:
        CheckError: it can't be read, or lies where reseal does not write.
    """
    found = [one for one in existing(session) if one.document is None or one.counts_in(now.ahead)]
    if not found:
        return None, now
    first = found[0]
    root = session.installation.root + "\\"
    below = first.path.lower().startswith(root.lower())
    # Where it comes before the cached file it stays: Windows would copy it over that.
    rivals = {one.path.lower() for one in placing.rivals(session, now)}
    first_of_all = first.path.lower() in rivals
    if first.document is None or (first_of_all and not below):
        why = "can't be read" if first.document is None else "lies outside the Windows folder"
        msg = f"{first.path}, the answer file that Windows would use, {why}. Nothing was changed."
        raise CheckError(
            msg, "Name another with --unattend FILE, and move it aside with --replace."
        )
    return first.document, replace(now, place=first.path[len(root) :]) if first_of_all else now


def name_in(document: AnswerFile) -> str | None:
    """Return the name that specialize will give the machine; None where it draws one or keeps it."""
    for settings in document.passes:
        if settings.name != Pass.SPECIALIZE or settings.was_processed:
            continue
        for component in settings.components:
            if component.name.casefold() == SHELL.casefold():
                text = component.text_of(_NAME)
                if text and text != "*":
                    return text
    return None


def named(name: str, architecture: str) -> AnswerFile:
    """Return an answer file that gives a machine its name and says nothing else."""
    return assigned([Assignment(Pass.SPECIALIZE, SHELL, _NAME, name)], architecture)


def leaves(settings: AnswerFile | None, *, beside: Collection[Pass]) -> list[Setting]:
    """Return the settings of an answer file in all passes but some."""
    found = settings.settings() if settings else ()
    return [one for one in found if not one.children and one.pass_name not in beside]


def place(
    session: Session, document: AnswerFile, wish: Wish, now: Situation
) -> unattend.Application:
    """Stage an answer file for the next boot.

    Raises:
        CheckError: it has errors, or another one would win.
    """
    request = unattend.Request(
        document, replace=wish.replace, force=wish.force_answers, now=wish.now
    )
    application = unattend.Application(session, request, now)
    application.begin()
    if Pass.GENERALIZE in now.done:
        application.say_generalize_is_over()
    application.finish()
    return application


def apply_now(session: Session, settings: AnswerFile, now: Situation) -> list[dict[str, object]]:
    """Stage settings of passes that an image does not run any more.

    Raises:
        CheckError: for one of them no place is known.
    """
    done: list[dict[str, object]] = []
    for name in dict.fromkeys(Pass(one.pass_name) for one in leaves(settings, beside=now.to_run)):
        found, rest = specialize_now.apply(session, settings, name)
        if rest:
            msg = (
                f"{rest[0].component}/{rest[0].setting} can't be set at once: it is not known where "
                "Windows keeps it, and this image runs no pass that would set it. Nothing was changed."
            )
            raise CheckError(msg, "Generalize the image first, or leave the setting out.")
        done += map(applied, found)
    return done
