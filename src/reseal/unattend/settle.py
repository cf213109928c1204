r"""What becomes of the answer files that an image holds.

| answer file | what becomes of it when the image is generalized | mark |
|---|---|---|
| a new one is given | it is used, and every other one only in passes for which the new one has no settings: those keep their secrets, all others lose theirs | documented |
| none is given | the pass generalize is taken from the first one that has it, as Sysprep does; the next boot uses them as they are | documented |
| none is given, and none counts in a pass | the first one in which that pass is done runs it again: the mark is taken off | reported, that the cached one is used again |

That Sysprep copies its own `System32\Sysprep\unattend.xml` over the cached one (reported) is not done: the
next boot finds it by the documented order, and the run names each file that another one comes before.

Where secrets of a pass are deleted, by Windows or here, the pass is marked as done and stays so: Windows
would take the text in their place for the password, on every machine alike. That the mark counts in
other files than the cached one is inferred.
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.answerfile import AnswerFile, Level, Pass, check, mark, reset, scrub
from reseal.answerfile.processed import holds_secrets, lacks_secrets
from reseal.session import Mark
from reseal.unattend.present import STEP, STILL_TO_RUN, Existing, existing, read, unserved, users
from reseal.windows.answer_files import CACHE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from reseal.session import Session


def leave_out(session: Session, names: Collection[Pass], but: str | None = None) -> None:
    """Stage that no file is used for a pass whose secrets Windows has deleted, and say so.

    Args:
        session: the opened installation.
        names: the passes that matter.
        but: a file that is left as it is.
    """
    for one in existing(session):
        if one.document is None or one.is_at(but):
            continue
        lacking = [
            Pass(settings.name)
            for settings in one.document.passes
            if settings.name in names and lacks_secrets(settings)
        ]
        with session.acting(STEP, Mark.INFERRED):
            session.write_file(one.path, mark(one.document, lacking).to_bytes())
        for name in lacking:
            session.note(
                f"Windows has deleted passwords from the pass {name} of {one.path}, and would use the "
                "text in their place. So the pass is marked as done, and the next boot leaves these "
                "settings out; where they are to count, give the image a new answer file."
            )


def settle(session: Session, new: str | None = None, aside: Iterable[str] = ()) -> None:
    """Stage what becomes of the answer files in an image that is generalized.

    Args:
        session: the opened installation.
        new: the answer file that this run has placed, and which stays; None where there is none.
        aside: files that this run has moved out of the way.
    """
    if new is None:
        leave_out(session, STILL_TO_RUN)
    files = existing(session)
    used = users(files, STILL_TO_RUN)
    again = {} if new is not None else _again(files)
    moved = filter(None, [read(session, path) for path in aside])
    for one in (*files, *moved):
        if one.is_at(new):
            continue
        if one.document is None:
            session.note(f"The answer file {one.path} can't be read; it stays as it is.")
            continue
        mine = [name for name in STILL_TO_RUN if used.get(name) is one]
        document = reset(one.document, [name for name in STILL_TO_RUN if again.get(name) is one])
        # Without a new file nothing says that one which loses is not wanted any more.
        _scrub(session, one.path, document, keep=STILL_TO_RUN if new is None else mine)
        if new is None:
            _say_what_is_used(session, one, document, used)
        elif one in files and one.counts_in((Pass.GENERALIZE,)):
            session.note(
                f"{one.path} has settings for generalize, which were not applied: where an answer file is "
                "given, that alone counts in this pass (inferred)."
            )
        secret = [s.name for s in document.passes if s.name in mine and holds_secrets(s)]
        if secret and not one.is_at(session.installation.path(CACHE)):
            session.note(
                f"The passwords for {', '.join(secret)} stay in {one.path}, since Windows needs them. "
                "It deletes them from its own copy in Panther, not from this file (inferred): delete that "
                "on the machines once it was used."
            )


def _say_what_is_used(
    session: Session, one: Existing, document: AnswerFile, used: dict[str, Existing]
) -> None:
    """Say for which passes the next boot uses a file of the image, and what comes before it."""
    mine = [name for name in STILL_TO_RUN if used.get(name) is one]
    if mine:
        _say_errors(session, document)
        if not one.is_at(session.installation.path(CACHE)):
            session.note(f"{one.path} is used for {', '.join(mine)}.")
    for name in one.counts_in([name for name in used if name not in mine]):
        session.note(
            f"{one.path} is not used for {name}: {used[name].path} has settings for it, too, and "
            "comes first."
        )


def _say_errors(session: Session, document: AnswerFile) -> None:
    """Say where Windows would stop at an answer file that nobody has checked in this run."""
    errors = [one for one in check(document) if one.level is Level.ERROR]
    if errors:
        first, count = errors[0], len(errors)
        session.note(
            f"{document.name}, which the next boot uses, has {count} error{'s' if count > 1 else ''}: line "
            f"{first.position.line}: {first.what}{' and others' if count > 1 else ''}. Setup may stop at "
            "it. `reseal unattend check` on the file tells all; --unattend gives the image another one."
        )


def _scrub(session: Session, path: str, document: AnswerFile, keep: Collection[Pass]) -> None:
    """Stage an answer file without the secrets of all passes but some, which are marked as done."""
    over = frozenset(Pass).difference(keep)
    done = [Pass(s.name) for s in document.passes if s.name in over and holds_secrets(s)]
    clean = scrub(mark(document, done), over if keep else None)
    with session.acting(STEP, Mark.REPORTED):
        session.write_file(path, clean.document.to_bytes())
    if clean.commands:
        session.note(
            f"Commands in {path} seem to hold passwords, which stay: "
            + ", ".join(f"line {each.position.line}" for each in clean.commands[:5])
            + "."
        )


def _again(files: list[Existing]) -> dict[str, Existing]:
    """Return which file runs a pass again in which none counts: the first one that still has it."""
    found: dict[str, Existing] = {}
    wanted = unserved(files)
    for one in files:
        for settings in one.document.passes if one.document else ():
            if settings.name in wanted and settings.components and not lacks_secrets(settings):
                found.setdefault(settings.name, one)
    return found
