"""How a check declares itself, and what it finds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reseal.session import Mark, Session


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


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
    """

    check: str
    level: Level
    message: str
    hint: str | None = None
    code: str | None = None
    damaged: bool = False

    def to_json(self) -> dict[str, object]:
        """The finding as plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Check:
    """One validation before anything is changed.

    Attributes:
        id: the name on the command line and in the report.
        title: what is well when the check finds nothing, a whole sentence.
        mark: how it is known that it matters.
        source: where that is written.
        entry_points: validators of Sysprep's own that it stands for, as `dll,Function`.
        run: looks at the image and yields findings.
    """

    id: str
    title: str
    mark: Mark
    source: str
    entry_points: tuple[str, ...]
    run: Callable[[Session], Iterable[Finding]]

    def __call__(self, session: Session) -> list[Finding]:
        """Look at the image; one finding at least, `ok` where all is well."""
        return list(self.run(session)) or [Finding(self.id, Level.OK, self.title)]


def check(
    identifier: str, title: str, *, mark: Mark, source: str, entry_points: tuple[str, ...] = ()
) -> Callable[[Callable[[Session], Iterable[Finding]]], Check]:
    """Declare the function below as a check."""

    def declare(run: Callable[[Session], Iterable[Finding]]) -> Check:
        return Check(identifier, title, mark, source, entry_points, run)

    return declare
