"""Operations on an installation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from reseal.session import Session
from reseal.windows import Installation


class Operation(Protocol):
    """An operation on an installation. Both methods run in the worker."""

    def stage(self, session: Session) -> dict[str, Any]:
        """Stage all changes; return plain data for the record."""
        ...

    def recheck(self, installation: Installation) -> list[str]:
        """Check the written installation; return the problems. The default is none.

        Hives and boot stores are always read back.
        """
        del installation
        return []


@dataclass(frozen=True, slots=True)
class Callables:
    """An operation made of two functions."""

    stage: Callable[[Session], dict[str, Any]]
    recheck: Callable[[Installation], list[str]] = lambda _: []
