r"""The answer files that an image holds: where Windows looks for them, and what becomes of them.

Documented (Windows Setup Automation Overview, "Implicit Answer File Search Order"): the file that
`SYSTEM\Setup\UnattendFile` names wins over `Panther\Unattend`, that over the cached
`Panther\unattend.xml`, that over `System32\Sysprep` and the root of the volume. A file counts in a pass
only if it has settings for that pass, and Setup has not marked the pass as processed in it.

A generalize run without an answer file of its own uses the cached one at the next boot (reported). So
the marks of the passes that are still to run are taken away; whatever Windows has deleted from them
stays deleted, and that is said. Secrets of passes that do not run any more are deleted, as Windows
deletes them once a pass is done; with a new answer file, all secrets of the others are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.answerfile import AnswerFile, AnswerFileError, Pass, reset, scrub
from reseal.answerfile.secrets import DELETED
from reseal.answerfile.source import MAX_BYTES
from reseal.checks.answer_files import BELOW_WINDOWS, IN_ROOT, UNATTEND_FILE
from reseal.session import Mark
from reseal.tree import TreeError
from reseal.windows import setup

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from reseal.session import Session

STEP = "answer-files"
#: What an armed image may still run, whichever way it boots.
STILL_TO_RUN = (Pass.SPECIALIZE, Pass.AUDIT_SYSTEM, Pass.AUDIT_USER, Pass.OOBE_SYSTEM)
_OVER = frozenset(Pass) - frozenset(STILL_TO_RUN)


@dataclass(frozen=True, slots=True)
class Existing:
    """An answer file in a place where Windows looks.

    Attributes:
        path: where it lies.
        document: what it says; None where it can't be read.
        pointer: whether `UnattendFile` names it.
    """

    path: str
    document: AnswerFile | None
    pointer: bool = False

    def counts_in(self, names: Collection[Pass]) -> list[str]:
        """Return those of these passes in which it would be used."""
        return [
            settings.name
            for settings in (self.document.passes if self.document else ())
            if settings.name in names and settings.components and not settings.was_processed
        ]


def pointed_at(session: Session) -> str | None:
    """Return the file that `UnattendFile` names, as a path of the volume; None where it is not set."""
    named = session.registry.text(setup.SETUP, UNATTEND_FILE)
    return session.registry.local_path(named) if named else None


def places(session: Session) -> Iterator[str]:
    """Yield where Windows looks on the volume, the first place first."""
    named = pointed_at(session)
    if named:
        yield named
    yield from map(session.installation.path, BELOW_WINDOWS)
    yield from IN_ROOT


def existing(session: Session) -> list[Existing]:
    """Return the answer files that Windows would find on the volume, the first one first."""
    named = pointed_at(session)
    found: dict[str, Existing] = {}
    for path in places(session):
        pointer = named is not None and path.lower() == named.lower()
        one = _read(session, path, pointer=pointer)
        if one is not None:
            found.setdefault(path.lower(), one)
    return list(found.values())


def settle(session: Session, new: str | None = None, aside: Iterable[str] = ()) -> None:
    """Stage what becomes of the answer files in an image that is generalized.

    Args:
        session: the opened installation.
        new: the answer file that this run has placed, and which stays; None where there is none.
        aside: files that this run has moved out of the way.
    """
    moved = [_read(session, path) for path in aside]
    for one in (*existing(session), *filter(None, moved)):
        if new is not None and one.path.lower() == new.lower():
            continue
        if one.document is None:
            session.note(f"The answer file {one.path} can't be read; it stays as it is.")
            continue
        with session.acting(STEP, Mark.REPORTED):
            if new is not None:
                clean = scrub(one.document)
            else:
                clean = scrub(reset(one.document, STILL_TO_RUN), _OVER)
            session.write_file(one.path, clean.document.to_bytes())
        if clean.commands:
            session.note(
                f"Commands in {one.path} seem to hold passwords, which stay: "
                + ", ".join(f"line {each.position.line}" for each in clean.commands[:5])
                + "."
            )
        if new is None and _lacks_secrets(one.document):
            session.note(
                f"Windows has deleted passwords from {one.path}; the passes that need them run "
                "without them. Give the image a new answer file."
            )


def _read(session: Session, path: str, *, pointer: bool = False) -> Existing | None:
    stat = session.files.stat(path)
    if stat is None or stat.is_directory:
        return None
    if stat.size > MAX_BYTES:
        return Existing(path, None, pointer)
    try:
        return Existing(path, AnswerFile(session.files.read(path), path), pointer)
    except (AnswerFileError, TreeError):
        return Existing(path, None, pointer)


def _lacks_secrets(document: AnswerFile) -> bool:
    return any(
        DELETED in setting.text
        for settings in document.passes
        if settings.name in STILL_TO_RUN
        for component in settings.components
        for setting in component.settings()
    )
