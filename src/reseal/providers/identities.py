"""What identifies a machine to others, as the providers that remove it find it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.errors import ResealError
from reseal.providers.declaration import ENABLED
from reseal.providers.plugins import every
from reseal.session.look import Look

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reseal.providers.declaration import Provider
    from reseal.session import Change
    from reseal.windows import Installation


@dataclass(frozen=True, slots=True)
class Found:
    """What a provider would change in an image.

    Attributes:
        provider: the provider.
        changes: what it would do.
        by_name: whether it does so only if the person enables it by name.
    """

    provider: Provider
    changes: tuple[Change, ...]
    by_name: bool

    @property
    def places(self) -> list[str]:
        """Registry paths and files, each once."""
        return list(dict.fromkeys(change.target for change in self.changes))

    @property
    def option(self) -> str:
        """The command that does it, without the program's name."""
        return f"generalize --enable {self.provider.id}" if self.by_name else "generalize"

    def to_json(self) -> dict[str, object]:
        """Return it as plain data."""
        return {
            "provider": self.provider.id,
            "what": self.provider.identity,
            "places": self.places,
            "removed_by": f"reseal {self.option}",
        }


def look(installation: Installation, provider: Provider) -> Found | None:
    """Let a provider look at an installation. Nothing changes.

    Returns:
        What it would change; None if that is nothing, or if it can't read the image.
    """
    for switches in (frozenset[str](), frozenset({ENABLED + provider.id})):
        by_name = bool(switches)
        if not by_name and not provider.default:
            continue
        session = Look(installation, switches=switches)
        try:
            provider(session)
        except ResealError:
            return None
        if session.changes:
            return Found(provider, tuple(session.changes), by_name)
    return None


def find(installation: Installation, providers: Iterable[Provider] | None = None) -> list[Found]:
    """Return the identities that an installation holds, as providers find them.

    Every provider looks, those that do not run by default included.

    Args:
        installation: the Windows.
        providers: the providers that look; None for all.
    """
    chosen = every() if providers is None else providers
    found = (look(installation, one) for one in chosen if one.identity)
    return [one for one in found if one]
