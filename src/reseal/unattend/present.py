r"""The answer files that an image holds: where Windows looks for them, and what becomes of them.

Documented (Windows Setup Automation Overview, "Implicit Answer File Search Order"): the file that
`SYSTEM\Setup\UnattendFile` names wins over `Panther\Unattend`, that over the cached
`Panther\unattend.xml`, that over `System32\Sysprep` and the root of the volume. A file counts in a pass
only if it has settings for that pass, and Setup has not marked the pass as processed in it.

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

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.answerfile import AnswerFile, AnswerFileError, Level, Pass, check, mark, reset, scrub
from reseal.answerfile.processed import holds_secrets, lacks_secrets
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
#: Below the Windows folder: what Setup uses, marks and rids of its secrets (documented).
CACHE = r"Panther\unattend.xml"


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

    def counts_in(self, names: Collection[str]) -> list[str]:
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


def users(files: Iterable[Existing], names: Collection[Pass]) -> dict[str, Existing]:
    """Return which file Windows uses for each of these passes: the first one that counts in it."""
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
    """Say which files are no longer used once settings go into another one; None where all still are.

    A file counts in a pass as a whole (documented): with one setting in the file that comes first, all
    those of the other are gone.

    Args:
        session: the opened installation.
        path: the file that the settings are to go into.
        names: their passes.
        taken_over: a file whose settings go there, too.
    """
    used = users(existing(session), STILL_TO_RUN)
    lost = [
        f"{used[name].path} is not used for {name} any more"
        for name in names
        if name in used and not any(_same(used[name].path, one) for one in (path, taken_over))
    ]
    return f"{'; '.join(lost)}: {path} comes first, and has settings for it now." if lost else None


def leave_out(session: Session, names: Collection[Pass], but: str | None = None) -> None:
    """Stage that no file is used for a pass whose secrets Windows has deleted, and say so.

    Args:
        session: the opened installation.
        names: the passes that matter.
        but: a file that is left as it is.
    """
    for one in existing(session):
        if one.document is None or _same(one.path, but):
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
    cache = session.installation.path(CACHE)
    moved = [_read(session, path) for path in aside]
    for one in (*files, *filter(None, moved)):
        if _same(one.path, new):
            continue
        if one.document is None:
            session.note(f"The answer file {one.path} can't be read; it stays as it is.")
            continue
        mine = [name for name in STILL_TO_RUN if used.get(name) is one]
        document = reset(one.document, [name for name in STILL_TO_RUN if again.get(name) is one])
        # Without a new file nothing says that one which loses is not wanted any more.
        _scrub(session, one.path, document, keep=STILL_TO_RUN if new is None else mine)
        if new is not None and one in files and one.counts_in((Pass.GENERALIZE,)):
            session.note(
                f"{one.path} has settings for generalize, which were not applied: where an answer file is "
                "given, that alone counts in this pass (inferred)."
            )
        if new is None:
            if mine:
                _tell_errors(session, document)
            if mine and not _same(one.path, cache):
                session.note(f"{one.path} is used for {', '.join(mine)}.")
            for name in one.counts_in([name for name in used if name not in mine]):
                session.note(
                    f"{one.path} is not used for {name}: {used[name].path} has settings for it, too, and "
                    "comes first."
                )
        secret = [s.name for s in document.passes if s.name in mine and holds_secrets(s)]
        if secret and not _same(one.path, cache):
            session.note(
                f"The passwords for {', '.join(secret)} stay in {one.path}, since Windows needs them. "
                "It deletes them from its own copy in Panther, not from this file (inferred): delete that "
                "on the machines once it was used."
            )


def _tell_errors(session: Session, document: AnswerFile) -> None:
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


def _same(path: str, other: str | None) -> bool:
    return other is not None and path.lower() == other.lower()


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
