"""Settings that only Windows itself can carry out: they go into the answer file of its next first boot."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from reseal.answerfile import AnswerFile, AnswerFileError, make, merge, reset
from reseal.answerfile.source import MAX_BYTES
from reseal.errors import CheckError
from reseal.unattend import place as placing
from reseal.unattend.present import existing, hidden, unserved
from reseal.windows.setup import SetupState

if TYPE_CHECKING:
    from collections.abc import Collection

    from reseal.answerfile import Answers
    from reseal.answerfile.passes import Pass
    from reseal.customize.run import Run


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
        now = placing.after_generalize(run.target)
    else:
        now = placing.situation(SetupState.of(session.installation))
    if not now.to_run:
        session.note(
            "This Windows is in use already, and its next boot asks for no answer file. The settings in "
            f"{session.installation.path(now.place)} count when the image is generalized."
        )
    placing.make_way(session, now, replace=False)
    path = session.installation.path(now.place)
    there = session.files.stat(path)
    document = piece
    if there is not None:
        try:
            if there.is_directory or there.size > MAX_BYTES:
                raise AnswerFileError(path, None, "it is no answer file")
            document = AnswerFile(session.files.read(path), path)
        except AnswerFileError as error:
            msg = f"The answer file {path} can't be read, so nothing can be added: {error.message}"
            raise CheckError(
                msg, "Give the image another one with `reseal unattend apply`."
            ) from error
        if run.target is not None:
            document = reset(document, unserved(existing(session)))
        _refuse_done(document, piece, now.to_run)
        document = merge(document, piece)
    wanted = {settings.name for settings in piece.passes}
    lost = hidden(session, path, [name for name in now.to_run if name in wanted])
    if lost:
        raise CheckError(
            f"The settings can't be added: {lost} Nothing was changed.",
            "Make one file of both (`reseal unattend merge`), and give it with --unattend.",
        )
    placing.place(session, document, now)


def _refuse_done(document: AnswerFile, piece: AnswerFile, to_run: Collection[Pass]) -> None:
    """Raise CheckError where settings would go into a pass that counts as done, and so never run."""
    wanted = {settings.name for settings in piece.passes if settings.name in to_run}
    done = [one.name for one in document.passes if one.was_processed and one.name in wanted]
    if done:
        msg = (
            f"Nothing can be added to {', '.join(dict.fromkeys(done))} of the answer file "
            f"{document.name}: it is marked as done there, and so does not count. Either Windows has "
            "deleted its passwords, or another file is used for it. Nothing was changed."
        )
        raise CheckError(
            msg, "Give the image another answer file, with --unattend or `reseal unattend apply`."
        )
