"""Place an answer file in an installation for its next boot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reseal.errors import UsageError
from reseal.operations.answers import AnswerFileOptions
from reseal.operations.operation import Opening, Operation, look
from reseal.operations.record import UnattendRecord

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reseal.answerfile import Target as CheckedAgainst
    from reseal.run.opening import Found
    from reseal.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class UnattendRequest(AnswerFileOptions):
    """The answer file of an installation.

    Attributes:
        now: whether settings of specialize are applied at once where their place is known.
        force: whether an answer file with errors is taken.
    """

    now: bool = False
    force: bool = False


class ApplyUnattend(Operation[UnattendRecord]):
    """Place an answer file in an image."""

    command = "unattend apply"

    def __init__(self, request: UnattendRequest) -> None:
        """Read the files.

        Raises:
            AnswerFileError: a file can't be read.
            UsageError: there is no answer file.
        """
        answers = request.read(force=request.force, now=request.now)
        if answers is None:
            msg = "No answer file was given."
            raise UsageError(msg, "Name one.")
        self._answers = answers

    @property
    def needs(self) -> Mapping[str, Any]:
        """Fields of `RunOptions` that the operation sets."""
        return {"reads": tuple(self._answers.driver_folders.values())}

    def result(self, session: Session) -> dict[str, Any]:
        """Stage the answer file, and apply the part that is applied offline."""
        from reseal.unattend import apply as unattend

        outcome = unattend.apply(session, self._answers)
        return {
            "result": "applied",
            "summary": f"The image has the answer file, at {outcome.placed}.",
            "unattend": outcome.to_json(),
        }


def windows_of(image: Path, opening: Opening | None = None) -> CheckedAgainst:
    """Look at the Windows of an image for the check of an answer file.

    Raises:
        CheckError: the image holds several, and none was chosen.
        ImageError: the image can't be read, or holds no Windows.
    """
    from reseal.answerfile import Target as CheckedAgainst

    return CheckedAgainst.from_json(look(image, _windows, opening)["target"])


def _windows(found: Found) -> dict[str, Any]:
    from reseal.unattend import apply as unattend

    return {"target": unattend.target_of(found.installation, thorough=True).to_json()}
