"""The answer files of an image, in Windows' search order.

Documented (Windows Setup Automation Overview): a file counts in a pass only if it has settings for that
pass, and Setup has not marked the pass as processed in it. The first file that counts is used as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from reseal.answerfile import AnswerFile, AnswerFileError, Pass
from reseal.answerfile.source import MAX_BYTES
from reseal.session import Session
from reseal.tree import TreeError
from reseal.windows import answer_files

STEP = "answer-files"
#: Passes that an armed image may still run, depending on how it boots.
STILL_TO_RUN = (Pass.SPECIALIZE, Pass.AUDIT_SYSTEM, Pass.AUDIT_USER, Pass.OOBE_SYSTEM)


@dataclass(frozen=True, slots=True)
class Existing:
    """An answer file in a place where Windows searches.

    Attributes:
        path: its path.
        document: its content; None if it can't be read.
        pointer: whether `UnattendFile` names it.
        problem: why it can't be read.
    """

    path: str
    document: AnswerFile | None
    pointer: bool = False
    problem: str = ""

    def counts_in(self, names: Collection[str]) -> list[str]:
        """Return the passes among `names` in which it would be used."""
        return [
            settings.name
            for settings in (self.document.passes if self.document else ())
            if settings.name in names and settings.components and not settings.was_processed
        ]

    def is_at(self, path: str | None) -> bool:
        """Return whether it is at this path; False for None."""
        return path is not None and self.path.lower() == path.lower()


def read(session: Session, path: str, *, pointer: bool = False) -> Existing | None:
    """Read the answer file at a path; return None if there is none.

    Args:
        session: the opened installation.
        path: the path.
        pointer: whether `UnattendFile` names it.
    """
    stat = session.files.stat(path)
    if stat is None or stat.is_directory:
        return None
    try:
        if stat.size > MAX_BYTES:
            raise AnswerFileError(path, None, "it is not an answer file")
        return Existing(path, AnswerFile(session.files.read(path), path), pointer)
    except (AnswerFileError, TreeError) as error:
        return Existing(path, None, pointer, error.message)


def existing(session: Session) -> list[Existing]:
    """Return the answer files that Windows would find on the volume, in search order."""
    named = answer_files.named(session.registry)
    found: dict[str, Existing] = {}
    for path in answer_files.places(session.installation, session.registry):
        pointer = named is not None and path.lower() == named.lower()
        if path.lower() not in found and (one := read(session, path, pointer=pointer)):
            found[path.lower()] = one
    return list(found.values())


def users(files: Iterable[Existing], names: Collection[Pass]) -> dict[str, Existing]:
    """Return the file that Windows uses for each of these passes: the first one that counts in it."""
    found: dict[str, Existing] = {}
    for one in files:
        for name in one.counts_in(names):
            found.setdefault(name, one)
    return found


def unserved(files: Iterable[Existing]) -> list[Pass]:
    """Return the passes still to run in which none of these files counts."""
    used = users(files, STILL_TO_RUN)
    return [name for name in STILL_TO_RUN if name not in used]


def hidden(
    session: Session, path: str, names: Collection[Pass], taken_over: str | None = None
) -> str | None:
    """Return which files are no longer used once another file gets settings; None if there are none.

    A file counts in a pass as a whole (documented): one setting in an earlier file disables all settings
    of a later one.

    Args:
        session: the opened installation.
        path: the file that gets the settings.
        names: their passes.
        taken_over: a file whose settings are moved to `path`, too.
    """
    used = users(existing(session), STILL_TO_RUN)
    lost = [
        f"{used[name].path} is no longer used for {name}"
        for name in names
        if name in used and not (used[name].is_at(path) or used[name].is_at(taken_over))
    ]
    return f"{'; '.join(lost)}: {path} comes first and has settings for it." if lost else None
