"""Settings that only Windows itself can carry out: they go into the answer file of its next first boot."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reseal.answerfile import make, merge
from reseal.unattend import place
from reseal.windows.setup import SetupState

if TYPE_CHECKING:
    from reseal.answerfile import Answers
    from reseal.customize.shared import Run


def add(run: Run, answers: Answers) -> None:
    """Stage settings in the answer file that the image's next first boot will use.

    That is the file which generalizing places; or the one which lies in the image, and is made where
    there is none.

    Raises:
        CheckError: another answer file would win or would be hidden, or the one that is there can't be
            read, or has done a pass that it can't run again.
    """
    session = run.session
    piece = make(answers, session.installation.architecture or "amd64")
    if run.answers is not None:
        run.answers = replace(run.answers, document=merge(run.answers.document, piece))
        return
    if run.target is not None:
        now = place.after_generalize(run.target)
    else:
        now = place.situation(SetupState.of(session.installation))
    if not now.to_run:
        session.note(
            "This Windows is in use already, and its next boot asks for no answer file. The settings in "
            f"{session.installation.path(now.place)} count when the image is generalized."
        )
    place.add(session, piece, now, generalizes=run.target is not None)
