"""How a provider declares itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reseal.declaration import ANYWHERE, Declaration, declares

if TYPE_CHECKING:
    from collections.abc import Callable

    from reseal.mark import Mark
    from reseal.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider(Declaration):
    """One thing that makes an installation one machine, and how it goes.

    Attributes:
        entry_points: the entry points of Sysprep's own providers that it stands for, as
            `dll,Function` with the DLL in lower case.
        default: whether it runs without being asked for.
        beyond: whether it goes beyond what Sysprep does.
    """

    entry_points: tuple[str, ...] = ()
    default: bool = True
    beyond: bool = False

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
    order: int = ANYWHERE,
    work: str | None = None,
) -> Callable[[Callable[..., Any]], Provider]:
    """Declare the function below as a provider. Its docstring is the provider's documentation.

    Args:
        identifier: the name on the command line and in the report, in lower case with hyphens.
        title: what it does, one line without a full stop.
        mark: how it is known what Windows wants here.
        source: where that is written.
        entry_points: the entry points of Sysprep's own providers that it stands for.
        default: whether it runs without being asked for.
        beyond: whether it goes beyond what Sysprep does.
        order: its place among providers without an entry point in the plan; lower ones run first.
        work: `package.module:function`, loaded when the provider runs, where the work needs modules
            that take long to load. The function below then has a docstring and nothing else.
    """
    return declares(
        Provider, work=work, id=identifier, title=title, mark=mark, source=source, order=order,
        entry_points=entry_points, default=default, beyond=beyond,
    )  # fmt: skip
