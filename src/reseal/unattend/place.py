r"""Place an answer file where Windows finds it before any other.

| state of the image | place | mark, source |
|---|---|---|
| generalized, or specialized and before OOBE | `Panther\unattend.xml`, the cache that Setup itself fills | documented: Windows Setup Automation Overview, "Modify an existing installation" |
| audit mode comes next | `Panther\Unattend\unattend.xml`, which counts at every boot into audit mode | documented: Boot Windows to Audit Mode or OOBE |
| a finished installation | `System32\Sysprep\unattend.xml`, which Sysprep uses when it generalizes | documented: implicit search order |

A new file inherits the permissions of its folder, like one that Setup writes; an existing file is
overwritten and keeps its own. UnattendPasses: 0 means that the pass has to run, 9 that it was processed
with an answer file (seen in real hives; reported).
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

from dataclasses import dataclass, replace

from reseal.answerfile import AnswerFile, Pass, mark, merge, reset
from reseal.answerfile.passes import AFTER_GENERALIZE, PASS_COMPLETE
from reseal.errors import CheckError
from reseal.session import Mark, Session
from reseal.tree import join
from reseal.unattend.present import (
    STEP,
    STILL_TO_RUN,
    Existing,
    existing,
    hidden,
    read,
    unserved,
)
from reseal.windows import answer_files, setup
from reseal.windows.answer_files import CACHE, FOR_SYSPREP, UNATTEND_FILE
from reseal.windows.setup import SetupState

#: Searched at every boot into audit mode; spelled as on the page that documents it.
FIRST = r"Panther\Unattend\unattend.xml"
#: Passes that an installed Windows never runs by itself.
_BEFORE = (Pass.WINDOWS_PE, Pass.OFFLINE_SERVICING)


@dataclass(frozen=True, slots=True)
class Situation:
    """How an image will use an answer file.

    Attributes:
        place: where the file goes, below the Windows folder.
        to_run: the passes that the next boot runs.
        done: the passes that are done.
        ahead: the passes for which another file could win against this one.
    """

    place: str
    to_run: tuple[Pass, ...]
    done: tuple[Pass, ...]
    ahead: tuple[Pass, ...]


def after_generalize(mode: str) -> Situation:
    """Return the situation of an image that this run generalizes for `oobe` or `audit`."""
    to_run = AFTER_GENERALIZE[mode]
    return Situation(CACHE, to_run, (*_BEFORE, Pass.GENERALIZE), STILL_TO_RUN)


def situation(state: SetupState) -> Situation:
    """Return the situation of an image as it is."""
    if state.generalized:
        audit = state.image_state == setup.GENERALIZE_RESEAL_TO_AUDIT
        return after_generalize("audit" if audit else "oobe")
    specialized = (*_BEFORE, Pass.GENERALIZE, Pass.SPECIALIZE)
    if state.image_state == setup.SPECIALIZE_RESEAL_TO_OOBE:
        return Situation(CACHE, (Pass.OOBE_SYSTEM,), specialized, (Pass.OOBE_SYSTEM,))
    if state.image_state == setup.SPECIALIZE_RESEAL_TO_AUDIT:
        passes = (Pass.AUDIT_SYSTEM, Pass.AUDIT_USER)
        return Situation(FIRST, passes, specialized, (*passes, Pass.OOBE_SYSTEM))
    return Situation(FOR_SYSPREP, (), _BEFORE, (Pass.GENERALIZE, *STILL_TO_RUN))


def rivals(session: Session, now: Situation) -> list[Existing]:
    """Return the answer files that would win against one in the situation's place.

    A file with settings for any pass to come counts: Windows would copy it over the cached file. So does
    a file that can't be read, since Windows stops at an invalid answer file.
    """
    places = answer_files.places(session.installation, session.registry)
    order = [path.lower() for path in places]
    own = order.index(session.installation.path(now.place).lower())
    return [
        one
        for one in existing(session)
        if order.index(one.path.lower()) < own
        and (one.document is None or one.counts_in(now.ahead))
    ]


def make_way(session: Session, now: Situation, *, replace: bool) -> list[str]:
    """Move files that would win aside; return their new paths.

    Args:
        session: the opened installation.
        now: how the image will use the new file.
        replace: whether files may be moved.

    Raises:
        CheckError: such files exist, and `replace` is not set.
    """
    found = rivals(session, now)
    if found and not replace:
        shown = "; ".join(_shown(one, now) for one in found)
        msg = f"Another answer file would win against this one: {shown}. Nothing was changed."
        raise CheckError(
            msg,
            "Move these files aside with --replace, an option of `reseal unattend apply`, "
            "`generalize` and `boot`.",
        )
    moved = []
    with session.acting(STEP, Mark.DOCUMENTED):
        for one in found:
            if one.pointer:
                session.delete_value(setup.SETUP, UNATTEND_FILE)
            folder, _, name = one.path.rpartition("\\")
            new_name = _free(session, folder, name)
            session.rename_file(one.path, new_name)
            moved.append(join(folder, new_name))
    return moved


def place(session: Session, document: AnswerFile, now: Situation) -> str:
    """Stage the file in its place, with finished passes marked as done; return its path.

    Args:
        session: the opened installation.
        document: the answer file.
        now: how the image will use it.
    """
    path = session.installation.path(now.place)
    if other := answer_files.elsewhere(session.registry):
        session.note(
            rf"SYSTEM\Setup\UnattendFile names {other}, which is not on the volume that holds Windows and "
            "was not examined. If Windows finds that file, it wins over this answer file."
        )
    with session.acting(STEP, Mark.DOCUMENTED):
        session.write_file(path, mark(document, now.done).to_bytes())
    with session.acting(STEP, Mark.REPORTED):
        for name in now.to_run:
            session.set_number(setup.UNATTEND_PASSES, name, 0)
    return path


def note_processed(session: Session, name: Pass) -> None:
    """Stage the number that Windows writes for a pass processed with an answer file."""
    with session.acting(STEP, Mark.SEEN):
        session.set_number(setup.UNATTEND_PASSES, name, PASS_COMPLETE)


def say_also_used(session: Session, document: AnswerFile, now: Situation) -> None:
    """Note the files that Windows uses for passes in which this one has no settings.

    Args:
        session: the opened installation.
        document: the answer file.
        now: how the image will use it.
    """
    own = {settings.name for settings in document.passes if settings.components}
    missing = [name for name in now.to_run if name not in own]
    for one in existing(session):
        names = one.counts_in(missing)
        if names and not one.is_at(session.installation.path(now.place)):
            session.note(
                f"{one.path} is used for {', '.join(names)}, for which this answer file has no settings."
            )


def base_of(session: Session, now: Situation) -> tuple[AnswerFile | None, Situation]:
    """Return the answer file that Windows would use, and the situation for adding settings to it.

    Raises:
        CheckError: it can't be read, or is in a folder where reseal does not write.
    """
    found = [one for one in existing(session) if one.document is None or one.counts_in(now.ahead)]
    if not found:
        return None, now
    first = found[0]
    root = session.installation.root + "\\"
    below = first.path.lower().startswith(root.lower())
    # If it comes before the cached file it stays in place: Windows would copy it over the cache.
    first_of_all = any(first.is_at(one.path) for one in rivals(session, now))
    if first.document is None or (first_of_all and not below):
        why = "can't be read" if first.document is None else "is outside the Windows folder"
        msg = f"{first.path}, the answer file that Windows would use, {why}. Nothing was changed."
        raise CheckError(
            msg, "Use another file with --unattend FILE, and move this one aside with --replace."
        )
    return first.document, replace(now, place=first.path[len(root) :]) if first_of_all else now


def add(session: Session, piece: AnswerFile, now: Situation, *, generalizes: bool) -> None:
    """Stage settings in the answer file at the situation's place, or in a new file.

    Args:
        session: the opened installation.
        piece: the settings.
        now: how the image will use them.
        generalizes: whether this run generalizes the image.

    Raises:
        CheckError: another answer file would win or would be hidden, or the existing one can't be
            read, or has done a pass that it can't run again.
    """
    make_way(session, now, replace=False)
    path = session.installation.path(now.place)
    there = session.files.stat(path)
    one = read(session, path)
    wanted = [name for name in now.to_run if name in {settings.name for settings in piece.passes}]
    document = piece
    if there is not None:
        if one is None or one.document is None:
            problem = one.problem if one else f"{path}: it is not an answer file"
            msg = f"The answer file {path} can't be read, so nothing can be added: {problem}"
            raise CheckError(msg, "Replace it with `reseal unattend apply`.")
        document = one.document
        if generalizes:
            document = reset(document, unserved(existing(session)))
        _refuse_done(document, wanted)
        document = merge(document, piece)
    if lost := hidden(session, path, wanted):
        raise CheckError(
            f"The settings can't be added: {lost} Nothing was changed.",
            "Merge both files (`reseal unattend merge`), and use the result with --unattend.",
        )
    place(session, document, now)


def _refuse_done(document: AnswerFile, wanted: list[Pass]) -> None:
    """Raise CheckError if a wanted pass counts as done, so that its settings would never be used."""
    done = [one.name for one in document.passes if one.was_processed and one.name in wanted]
    if done:
        msg = (
            f"Nothing can be added to {', '.join(dict.fromkeys(done))} of the answer file "
            f"{document.name}: the pass is marked as done. Either Windows has deleted its passwords, or "
            "another file is used for it. Nothing was changed."
        )
        raise CheckError(
            msg, "Use another answer file, with --unattend or `reseal unattend apply`."
        )


def _shown(one: Existing, now: Situation) -> str:
    named = rf", which SYSTEM\Setup\{UNATTEND_FILE} names," if one.pointer else ""
    if one.document is None:
        return f"{one.path}{named} can't be read, and Windows would stop at it"
    return f"{one.path}{named} has settings for {', '.join(one.counts_in(now.ahead))}"


def _free(session: Session, folder: str, name: str) -> str:
    """Return an unused name under which Windows does not look for answer files."""
    number = 0
    while True:
        new = f"{name}{f'.{number}' if number else ''}.old"
        if session.files.stat(join(folder, new)) is None:
            return new
        number += 1
