"""A session in which providers only look: their verbs record what they would do, and change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reseal.session.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from reseal.windows import Installation


class Look(Session):
    """What providers would change in an installation, without any change.

    Hives are shared with the installation and stay as they are; files are staged and never written. The
    session of a run may have staged changes in the same hives, and the look sees them.
    """

    def __init__(
        self, installation: Installation, *, switches: frozenset[str] = frozenset()
    ) -> None:
        super().__init__(installation, switches=switches)

    def _edit(self, hive: str, edit: Callable[[], object]) -> None:
        pass

    def _put_away_hives(self, path: str) -> None:
        pass
