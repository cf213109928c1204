"""The declaration of a provider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reseal.declaration import ANYWHERE, Declaration, declares

if TYPE_CHECKING:
    from collections.abc import Callable

    from reseal.mark import Mark
    from reseal.session import Session

#: Switches of a session for providers that the person enabled or disabled by name begin with these.
ENABLED, DISABLED = "enable:", "disable:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider(Declaration):
    """One part of an installation's identity, and the function that removes it.

    Attributes:
        entry_points: the entry points of Sysprep's own providers that it replaces, as
            `dll,Function` with the DLL in lower case.
        default: whether it runs unless it is disabled.
        beyond: whether it does more than Sysprep does.
        identity: what it removes that two machines must not share, such as `the host keys of the OpenSSH
            server`; empty if it removes nothing of that kind.
        renewal: what makes a new identity, a whole sentence; empty if the description says it.
    """

    entry_points: tuple[str, ...] = ()
    default: bool = True
    beyond: bool = False
    identity: str = ""
    renewal: str = ""

    def __call__(self, session: Session) -> None:
        """Stage the provider's changes under its id and mark."""
        with session.acting(self.id, self.mark):
            self.run(session)

    def is_off(self, switches: frozenset[str]) -> bool:
        """Whether a run with these switches does not run it."""
        if self.default:
            return DISABLED + self.id in switches
        return ENABLED + self.id not in switches


def provider(
    identifier: str,
    title: str,
    *,
    mark: Mark,
    source: str,
    entry_points: tuple[str, ...] = (),
    default: bool = True,
    beyond: bool = False,
    identity: str = "",
    renewal: str = "",
    order: int = ANYWHERE,
    work: str | None = None,
) -> Callable[[Callable[..., Any]], Provider]:
    """Declare the function below as a provider. Its docstring is the provider's documentation.

    Args:
        identifier: the id on the command line and in the report, in lower case with hyphens.
        title: what it does, in one line without a full stop.
        mark: how well the required change is known.
        source: the source of that knowledge.
        entry_points: the entry points of Sysprep's own providers that it replaces.
        default: whether it runs unless it is disabled.
        beyond: whether it does more than Sysprep does.
        identity: what it removes that two machines must not share; empty if nothing.
        renewal: what makes a new identity, a whole sentence.
        order: its place among providers without an entry point in the plan; lower ones run first.
        work: `package.module:function`, imported when the provider runs, if the work needs modules
            that take long to load. The decorated function then consists of its docstring only.
    """
    return declares(
        Provider, work=work, id=identifier, title=title, mark=mark, source=source, order=order,
        entry_points=entry_points, default=default, beyond=beyond, identity=identity, renewal=renewal,
    )  # fmt: skip
