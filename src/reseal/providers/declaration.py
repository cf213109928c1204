"""How a provider declares itself."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from reseal.session import Mark, Session


@dataclass(frozen=True, slots=True)
class Provider:
    """One thing that makes an installation one machine, and how it goes.

    Attributes:
        id: the name on the command line and in the report.
        title: one line.
        mark: how it is known what Windows wants here.
        source: where that is written.
        entry_points: the entry points of Sysprep's own providers that it stands for, as
            `dll,Function` with the DLL in lower case.
        default: whether it runs without being asked for.
        beyond: whether it goes beyond what Sysprep does.
        run: stages the changes.
    """

    id: str
    title: str
    mark: Mark
    source: str
    entry_points: tuple[str, ...]
    run: Callable[[Session], None]
    default: bool = True
    beyond: bool = False

    @property
    def description(self) -> str:
        """What Windows keeps there, what Sysprep does and what reseal does."""
        return inspect.getdoc(self.run) or ""

    def __call__(self, session: Session) -> None:
        """Stage the provider's changes in its own name."""
        with session.acting(self.id, self.mark):
            self.run(session)


def provider(
    identifier: str,
    title: str,
    *,
    mark: Mark,
    source: str,
    entry_points: tuple[str, ...] = (),
    default: bool = True,
    beyond: bool = False,
) -> Callable[[Callable[[Session], None]], Provider]:
    """Declare the function below as a provider. Its docstring is the provider's documentation."""

    def declare(run: Callable[[Session], None]) -> Provider:
        return Provider(identifier, title, mark, source, entry_points, run, default, beyond)

    return declare
