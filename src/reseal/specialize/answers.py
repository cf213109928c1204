"""The answer file of one machine: the image's own or another, with the machine's settings in it."""

from __future__ import annotations

from collections.abc import Collection

from reseal.answerfile import AnswerFile, Pass, Setting
from reseal.answerfile.assignment import Assignment, assigned
from reseal.answerfile.components import SHELL
from reseal.answerfile.requested import settings_at
from reseal.errors import CheckError
from reseal.session import Session
from reseal.unattend.applier import Work
from reseal.unattend.apply import as_record
from reseal.unattend.place import Situation
from reseal.unattend.settings import apply_pass

_NAME = "ComputerName"


def name_in(document: AnswerFile) -> str | None:
    """Return the name that specialize will give the machine; None if it generates one or keeps it."""
    names = (one.text for one in settings_at(document, Pass.SPECIALIZE, SHELL, _NAME))
    return next((text for text in names if text not in {"", "*"}), None)


def named(name: str, architecture: str) -> AnswerFile:
    """Return an answer file that gives a machine its name and says nothing else."""
    return assigned([Assignment(Pass.SPECIALIZE, SHELL, _NAME, name)], architecture)


def leaves(settings: AnswerFile | None, *, beside: Collection[Pass]) -> list[Setting]:
    """Return the settings of an answer file in all passes but some."""
    found = settings.settings() if settings else ()
    return [one for one in found if not one.children and one.pass_name not in beside]


def apply_now(session: Session, settings: AnswerFile, now: Situation) -> list[dict[str, object]]:
    """Stage settings of passes that an image does not run any more.

    Args:
        session: the session of the image.
        settings: the answer file.
        now: how the image will use the file; passes that it still runs are skipped.

    Raises:
        CheckError: for one of them no place is known.
    """
    done: list[dict[str, object]] = []
    for name in dict.fromkeys(Pass(one.pass_name) for one in leaves(settings, beside=now.to_run)):
        found, rest = apply_pass(Work(session, settings), name)
        if rest:
            msg = (
                f"{rest[0].component}/{rest[0].setting} can't be set at once: it is not known where "
                "Windows keeps it, and this image runs no pass that would set it. Nothing was changed."
            )
            raise CheckError(msg, "Generalize the image first, or leave the setting out.")
        done += map(as_record, found)
    return done
