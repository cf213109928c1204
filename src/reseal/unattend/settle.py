r"""The answer files of an image after it was generalized.

| given | what happens to the answer files | mark |
|---|---|---|
| a new answer file | it is used; others only in passes for which it has no settings. They keep the secrets of those passes and lose all others | documented |
| none | the pass generalize is taken from the first file that has it, as in Sysprep; the next boot uses the files as they are | documented |
| none, and no file counts in a pass | the first file in which that pass is done runs it again: the mark is removed | reported, that the cached one is used again |

Sysprep copies its own `System32\Sysprep\unattend.xml` over the cached one (reported). reseal does not: the
next boot finds the file by the documented order, and the run names each file that another one precedes.

If secrets of a pass were deleted, by Windows or by reseal, the pass is marked as done and stays so: Windows
would use the replacement text as the password, on every machine. That the mark counts in files other than
the cached one is inferred.
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

from collections.abc import Collection, Iterable

from reseal.answerfile import AnswerFile, Level, Pass, check, mark, reset, scrub
from reseal.answerfile.processed import holds_secrets, lacks_secrets
from reseal.session import Mark, Session
from reseal.unattend.present import STEP, STILL_TO_RUN, Existing, existing, read, unserved, users
from reseal.windows.answer_files import CACHE


def leave_out(session: Session, names: Collection[Pass], but: str | None = None) -> None:
    """Stage that no file is used for a pass whose secrets Windows has deleted, and note it.

    Args:
        session: the opened installation.
        names: the passes to examine.
        but: a file that stays as it is.
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
                "replacement text as passwords. The pass is therefore marked as done, and the next boot "
                "ignores its settings. If you need them, give the image a new answer file."
            )


def settle(session: Session, new: str | None = None, aside: Iterable[str] = ()) -> None:
    """Stage the state of the answer files in an image that is generalized.

    Args:
        session: the opened installation.
        new: the answer file that this run has placed, and which stays; None if there is none.
        aside: files that this run has moved aside.
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
        # Without a new file, an unused file may still be wanted.
        _scrub(session, one.path, document, keep=STILL_TO_RUN if new is None else mine)
        if new is None:
            _say_what_is_used(session, one, document, used)
        elif one in files and one.counts_in((Pass.GENERALIZE,)):
            session.note(
                f"{one.path} has settings for generalize, which were not applied: a given answer file "
                "alone counts in this pass (inferred)."
            )
        _say_what_stays(session, one, document, mine)


def _say_what_stays(
    session: Session, one: Existing, document: AnswerFile, mine: Collection[Pass]
) -> None:
    """Note the passes for which a file that Windows does not clean keeps its passwords."""
    secret = [s.name for s in document.passes if s.name in mine and holds_secrets(s)]
    if secret and not one.is_at(session.installation.path(CACHE)):
        session.note(
            f"The passwords for {', '.join(secret)} stay in {one.path}, since Windows needs them. "
            "It deletes them from its own copy in Panther, not from this file (inferred). Delete the "
            "file on the machines after its use."
        )


def _say_what_is_used(
    session: Session, one: Existing, document: AnswerFile, used: dict[str, Existing]
) -> None:
    """Note for which passes the next boot uses a file of the image, and which file precedes it."""
    mine = [name for name in STILL_TO_RUN if used.get(name) is one]
    if mine:
        _say_errors(session, document)
        cached = one.is_at(session.installation.path(CACHE))
        drop = " --drop-cached-unattend gives it up." if cached else ""
        session.note(f"{one.path} is used for {', '.join(mine)}.{drop}")
    for name in one.counts_in([name for name in used if name not in mine]):
        session.note(
            f"{one.path} is not used for {name}: {used[name].path} comes first and has settings for it, "
            "too."
        )


def _say_errors(session: Session, document: AnswerFile) -> None:
    """Note the errors at which Windows would stop in an answer file that this run has not checked."""
    errors = [one for one in check(document) if one.level is Level.ERROR]
    if errors:
        first, count = errors[0], len(errors)
        session.note(
            f"{document.name}, which the next boot uses, has {count} error{'s' if count > 1 else ''}: line "
            f"{first.position.line}: {first.what}{' and others' if count > 1 else ''}. Setup may stop at "
            "them. `reseal unattend check` on the file lists all; --unattend replaces it."
        )


def _scrub(session: Session, path: str, document: AnswerFile, keep: Collection[Pass]) -> None:
    """Stage an answer file without secrets except in the passes to keep; the others count as done."""
    over = frozenset(Pass).difference(keep)
    done = [Pass(s.name) for s in document.passes if s.name in over and holds_secrets(s)]
    clean = scrub(mark(document, done), over if keep else None)
    with session.acting(STEP, Mark.REPORTED):
        session.write_file(path, clean.document.to_bytes())
    if clean.commands:
        session.note(
            f"Commands in {path} seem to contain passwords, which stay: "
            + ", ".join(f"line {each.position.line}" for each in clean.commands[:5])
            + "."
        )


def _again(files: list[Existing]) -> dict[str, Existing]:
    """Return the first file that still has a pass, for each pass in which no file counts."""
    found: dict[str, Existing] = {}
    wanted = unserved(files)
    for one in files:
        for settings in one.document.passes if one.document else ():
            if settings.name in wanted and settings.components and not lacks_secrets(settings):
                found.setdefault(settings.name, one)
    return found
