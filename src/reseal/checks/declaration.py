"""How a check declares itself, and what it finds."""

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

#: What a check may put into the report: a hostile image has names of any length, and any
#: number of them. The characters are those of all items of one check.
MAX_FINDINGS = 1_000
MAX_MESSAGE = 4_000
MAX_ITEMS_CHARACTERS = 16 << 20
_CUT = " …"

#: The switch of a session that overrides a check is this, and the check's id.
FORCE = "force:"


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


class NotCheckableError(ResealError):
    """What a check would look at can't be seen in this image; the message says what and why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check says of one image.

    Attributes:
        check: the check's id.
        level: an error forbids the run.
        message: a whole sentence.
        hint: what to do next, or None.
        code: Sysprep's own code for it, such as `0x80310039`, or None.
        damaged: whether the image is damaged rather than unfit (exit code 4 instead of 3).
        sysprep_says: the words of Sysprep's own log for it, or None.
        items: all that the message sums up, such as the paths of files.
        forced: whether it would be an error, had the check not been overridden.
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
        """The finding as plain data."""
        return asdict(self)


def error(
    message: str,
    hint: str | None = None,
    *,
    sysprep_says: str | None = None,
    items: Iterable[str] = (),
    damaged: bool = False,
) -> Finding:
    """What forbids the run. The check that yields it fills in its id, code and words."""
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
    """What the person should know before the run, which goes on."""
    found = error(message, hint, sysprep_says=sysprep_says, items=items)
    return replace(found, level=Level.WARNING)


def note(
    message: str, hint: str | None = None, *, code: str | None = None, items: Iterable[str] = ()
) -> Finding:
    """What is good to know. A note is no failure of Sysprep's, and carries a code only if given."""
    return Finding("", Level.NOTE, message, hint, code, items=tuple(items))


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Declaration):
    """One validation before anything is changed. Its title is what is well when it finds nothing.

    Attributes:
        entry_points: validators of Sysprep's own that it stands for, as `dll,Function`.
        sysprep_says: the words of Sysprep's own log where it fails for this, or None.
        code: the code that Sysprep fails with, or None.
        forceable: whether `--force` overrides it; not where the image is damaged, or where another
            switch gives the consent.
    """

    entry_points: tuple[str, ...] = ()
    sysprep_says: str | None = None
    code: str | None = None
    forceable: bool = True

    def __call__(self, session: Session) -> list[Finding]:
        """Look at the image; one finding at least, `ok` where all is well.

        Raises:
            ImageError: what it looks at is damaged.
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
    """Return as many of the first items as there is room for, in characters."""
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

    The function looks at the image and yields findings.
    """
    return declares(
        Check, work=work, id=identifier, title=title, mark=mark, source=source, order=order,
        entry_points=entry_points, sysprep_says=sysprep_says, code=code, forceable=forceable,
    )  # fmt: skip
