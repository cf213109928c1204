"""Settings that only Windows can apply: they go into the answer file of the next first boot."""

from __future__ import annotations

from dataclasses import replace

from reseal.answerfile import Answers, make, merge
from reseal.customize.shared import Run
from reseal.unattend import place
from reseal.windows.setup import SetupState


def add(run: Run, answers: Answers) -> None:
    """Stage settings in the answer file that the image's next first boot will use.

    This is the file that generalizing places, or else the one in the image, or a new one.

    Raises:
        CheckError: another answer file would win or would be hidden, or the existing one can't be
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
            "This Windows is already set up, and its next boot uses no answer file. The settings in "
            f"{session.installation.path(now.place)} take effect after the image is generalized."
        )
    place.add(session, piece, now, generalizes=run.target is not None)
