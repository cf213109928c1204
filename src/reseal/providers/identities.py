"""What identifies a machine to others, as the providers that remove it find it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.errors import ResealError
from reseal.providers.declaration import ENABLED
from reseal.providers.plugins import every

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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


def look(
    installation: Installation,
    providers: Iterable[Provider],
    switches: frozenset[str] = frozenset(),
) -> Iterator[Found]:
    """Yield what each of some providers would change, if that is anything. Nothing changes.

    A provider that can't read the image is left out.

    Args:
        installation: the Windows, which stays as it is.
        providers: the providers that look.
        switches: those of the run.
    """
    # Checks, which only declare, load this module.
    from reseal.session import Session  # noqa: PLC0415

    copy = installation.copy()
    for one in providers:
        for by_name in (False, True):
            if not by_name and not one.default:
                continue
            named = frozenset({ENABLED + one.id}) if by_name else frozenset[str]()
            session = Session(copy, switches=switches | named)
            try:
                one(session)
            except ResealError:
                break
            if session.changes:
                yield Found(one, tuple(session.changes), by_name)
                break


def find(installation: Installation) -> list[Found]:
    """Return the identities that an installation holds, as all providers find them."""
    return list(look(installation, [one for one in every() if one.identity]))
