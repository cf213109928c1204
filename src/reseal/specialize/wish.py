"""The requested identity of one machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from reseal.answerfile import AnswerFile
from reseal.answerfile.assignment import Assignment, assigned
from reseal.answerfile.rules.identity import computer_name_problem
from reseal.answerfile.secrets import is_secret
from reseal.errors import UsageError
from reseal.windows import Sid

#: A random name, as in answer files (documented: Unattended Windows Setup Reference, ComputerName).
RANDOM = "*"


class SidChoice(StrEnum):
    """A machine SID that is not named."""

    #: reseal generates it.
    NEW = "new"
    #: Windows generates it at the next boot.
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Wish:
    """The requested identity of one machine. None leaves a setting as it is in the image.

    Attributes:
        computer_name: a name, or `*` for a random one.
        sid: its SID, or what generates it.
        document: its answer file; None to keep the one that the image holds.
        settings: returns settings that win over it, as an answer file for an architecture.
        now: whether all is done at once that has a known place, rather than at the next boot.
        all_volumes: whether a SID that is replaced at once is replaced on volumes without a profile, too.
        replace: whether other answer files that would win are moved aside.
        force_answers: whether an answer file with errors is taken.
        force_domain: whether a member of a domain gets another name or SID.
        taken: SIDs that other machines have.
        drivers: a folder of this computer whose driver packages it gets; None for none.
    """

    computer_name: str | None = None
    sid: Sid | SidChoice | None = None
    document: AnswerFile | None = None
    settings: Callable[[str], AnswerFile] | None = None
    now: bool = False
    all_volumes: bool = False
    replace: bool = False
    force_answers: bool = False
    force_domain: bool = False
    taken: frozenset[Sid] = frozenset()
    drivers: Path | None = None


def checked_name(name: str) -> str:
    """Return a computer name; raises UsageError if Windows does not accept it."""
    problem = computer_name_problem(name) if name != RANDOM else None
    if problem or not name:
        what, why, instead = problem or ("the computer name is empty", "a machine needs one", "…")
        msg = f"{name!r} can't be a computer's name: {what}; {why}."
        raise UsageError(msg, f"{instead[0].upper()}{instead[1:]}.")
    return name


def parsed_sid(text: str) -> Sid | SidChoice:
    """Parse `new`, `pending` or a SID; raises UsageError."""
    if text.lower() in set(SidChoice):
        return SidChoice(text.lower())
    try:
        return Sid.parse(text)
    except ValueError as error:
        msg = f"{text} is neither new, pending nor a SID."
        raise UsageError(msg, "A machine SID has the form S-1-5-21-x-y-z.") from error


def refuse_secrets(settings: list[Assignment]) -> None:
    """Raise UsageError for a password in the arguments, where every user of the host can read it."""
    for setting in assigned(settings, "amd64").settings():
        if not setting.children and is_secret(setting):
            msg = f"--set {setting.component.name}/{setting.path}: a password on a command line can be seen."
            raise UsageError(msg, "Write it into an answer file, and name that with --unattend.")
