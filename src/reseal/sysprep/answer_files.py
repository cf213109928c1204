r"""The answer files that the image itself holds: the last step of a run.

A generalize run without an answer file of its own uses the cached `Panther\unattend.xml` at the next
boot (reported). A pass that Setup has marked as processed there is not run again (documented), so the
marks of the passes that are still to run are taken away; whatever Windows has deleted from them stays
deleted, and that is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.answerfile import AnswerFile, AnswerFileError, Pass, reset
from reseal.session import Mark

if TYPE_CHECKING:
    from reseal.session import Session

#: Where Windows looks for answer files at the next boot, below its folder (documented).
CACHED = (r"Panther\unattend.xml", r"Panther\Unattend\unattend.xml")
_STILL_TO_RUN = (Pass.SPECIALIZE, Pass.AUDIT_SYSTEM, Pass.AUDIT_USER, Pass.OOBE_SYSTEM)
_MAX_SIZE = 16 << 20


def reset_cached(session: Session) -> None:
    """Stage the cached answer files with the marks of the passes to run taken away."""
    for name in CACHED:
        path = session.installation.path(name)
        stat = session.files.stat(path)
        if stat is None or stat.is_directory or stat.size > _MAX_SIZE:
            continue
        try:
            document = AnswerFile(session.files.read(path), path)
        except AnswerFileError:
            session.note(f"The answer file {path} can't be read; it stays as it is.")
            continue
        with session.acting("answer-files", Mark.REPORTED):
            session.write_file(path, reset(document, _STILL_TO_RUN).to_bytes())
        if any(
            "*SENSITIVE*DATA*DELETED*" in setting.text
            for settings in document.passes
            if settings.name in _STILL_TO_RUN
            for component in settings.components
            for setting in component.settings()
        ):
            session.note(
                f"Windows has deleted passwords from {path}; the passes that need them run without "
                "them. Give the image a new answer file."
            )
