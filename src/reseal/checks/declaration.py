"""The declaration of a check, and its findings."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Any

from reseal.declaration import ANYWHERE, Declaration, declares
from reseal.errors import ResealError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reseal.mark import Mark
    from reseal.session import Session

#: Limits of one check's report: a hostile image may hold any number of names of any length.
#: The number of characters is that of all items of one check.
MAX_FINDINGS = 1_000
MAX_MESSAGE = 4_000
MAX_ITEMS_CHARACTERS = 16 << 20
_CUT = " …"

#: A session's switch that overrides a check begins with this, followed by the check's id.
FORCE = "force:"


class Level(StrEnum):
    """The severity of a finding."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


class NotCheckableError(ResealError):
    """A check can't examine this image; the message says what is missing and why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a check.

    Attributes:
        check: the check's id.
        level: the severity; an error stops the run.
        message: a whole sentence.
        hint: what to do next, or None.
        code: Sysprep's own code for the problem, such as `0x80310039`, or None.
        damaged: whether the image is damaged rather than unfit (exit code 4 instead of 3).
        sysprep_says: the line that Sysprep's own log has for the problem, or None.
        items: everything that the message summarizes, such as the paths of files.
        forced: whether it would be an error if the check were not overridden.
    """

    check: str
    level: Level
    message: str
    hint: str | None = None
    code: str | None = None
    damaged: bool = False
    sysprep_says: str | None = None
    items: tuple[str, ...] = ()
    forced: bool = False

    def to_json(self) -> dict[str, object]:
        """Return the finding as plain data."""
        return asdict(self)


def error(
    message: str,
    hint: str | None = None,
    *,
    sysprep_says: str | None = None,
    items: Iterable[str] = (),
    damaged: bool = False,
) -> Finding:
    """Return a finding that stops the run. The check that yields it adds its id, code and log line.

    Args:
        message: a whole sentence.
        hint: what to do next, or None.
        sysprep_says: the line of Sysprep's log, if it is not the check's own.
        items: everything that the message summarizes.
        damaged: whether the image is damaged rather than unfit.
    """
    return Finding(
        "", Level.ERROR, message, hint,
        damaged=damaged, sysprep_says=sysprep_says, items=tuple(items),
    )  # fmt: skip


def warning(
    message: str,
    hint: str | None = None,
    *,
    sysprep_says: str | None = None,
    items: Iterable[str] = (),
) -> Finding:
    """Return a finding that the user should know before the run; the run continues.

    Args:
        message: a whole sentence.
        hint: what to do next, or None.
        sysprep_says: the line of Sysprep's log, if it is not the check's own.
        items: everything that the message summarizes.
    """
    found = error(message, hint, sysprep_says=sysprep_says, items=items)
    return replace(found, level=Level.WARNING)


def note(
    message: str, hint: str | None = None, *, code: str | None = None, items: Iterable[str] = ()
) -> Finding:
    """Return an informational finding. It is not a failure of Sysprep's, so the check adds no code.

    Args:
        message: a whole sentence.
        hint: what to do next, or None.
        code: Sysprep's code, if the note has one.
        items: everything that the message summarizes.
    """
    return Finding("", Level.NOTE, message, hint, code, items=tuple(items))


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Declaration):
    """One validation before any change. Its title is the report if it finds nothing.

    Attributes:
        entry_points: Sysprep's own validators that it replaces, as `dll,Function`.
        sysprep_says: the line of Sysprep's own log for this failure, or None.
        code: the code that Sysprep fails with, or None.
        forceable: whether `--force` overrides it; False if the image is damaged, or if another option
            gives the consent.
    """

    entry_points: tuple[str, ...] = ()
    sysprep_says: str | None = None
    code: str | None = None
    forceable: bool = True

    def __call__(self, session: Session) -> list[Finding]:
        """Check the image; return at least one finding, `ok` if there is no problem.

        Raises:
            ImageError: the examined part of the image is damaged.
        """
        found: list[Finding] = []
        forced = FORCE + self.id in session.switches
        try:
            room = MAX_ITEMS_CHARACTERS
            for one in islice(self.run(session), MAX_FINDINGS):
                items = _within(room, one.items)
                room -= sum(map(len, items))
                found.append(self._complete(replace(one, items=items), forced=forced))
        except NotCheckableError as reason:
            message = f"Not checked: {reason.message}"
            found.append(Finding(self.id, Level.NOTE, message, reason.hint))
        return found or [Finding(self.id, Level.OK, self.title)]

    def _complete(self, found: Finding, *, forced: bool) -> Finding:
        if len(found.message) > MAX_MESSAGE:
            found = replace(found, message=found.message[:MAX_MESSAGE] + _CUT)
        if found.level in {Level.ERROR, Level.WARNING}:
            found = replace(
                found,
                code=found.code or self.code,
                sysprep_says=found.sysprep_says or self.sysprep_says,
            )
        if forced and found.level is Level.ERROR and not found.damaged:
            message = f"{found.message} You overrode this with --force {self.id}."
            found = replace(found, level=Level.WARNING, message=message, forced=True)
        return replace(found, check=self.id)


def _within(room: int, items: tuple[str, ...]) -> tuple[str, ...]:
    """Return as many of the first items as fit into the given number of characters."""
    characters = accumulate(map(len, items))
    return tuple(item for item, so_far in zip(items, characters, strict=True) if so_far <= room)


def check(
    identifier: str,
    title: str,
    *,
    mark: Mark,
    source: str,
    entry_points: tuple[str, ...] = (),
    sysprep_says: str | None = None,
    code: str | None = None,
    forceable: bool = True,
    order: int = ANYWHERE,
    work: str | None = None,
) -> Callable[[Callable[..., Any]], Check]:
    """Declare the function below as a check. Its docstring is the check's documentation.

    The function takes a session and yields findings.

    Args:
        identifier: the id on the command line and in the report, in lower case with hyphens.
        title: the report if it finds nothing, a whole sentence.
        mark: how well the condition is known.
        source: the source of that knowledge.
        entry_points: Sysprep's own validators that it replaces, as `dll,Function`.
        sysprep_says: the line of Sysprep's own log for this failure, or None.
        code: the code that Sysprep fails with, or None.
        forceable: whether `--force` overrides it.
        order: its place among the checks; lower ones run first.
        work: `package.module:function`, imported when the check runs, if the work needs modules that
            take long to load. The decorated function then consists of its docstring only.
    """
    return declares(
        Check, work=work, id=identifier, title=title, mark=mark, source=source, order=order,
        entry_points=entry_points, sysprep_says=sysprep_says, code=code, forceable=forceable,
    )  # fmt: skip
